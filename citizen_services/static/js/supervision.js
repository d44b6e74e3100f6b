// Charts of the page of supervision. Each one's figures stand in the table beside it; without script only the table is there.
(function () {
  'use strict';
  var dark = document.documentElement.dataset.bsTheme === 'dark' || document.body.dataset.theme === 'dark';
  var colour = dark ? '#dfe5ec' : '#2c3642', line = dark ? '#46505c' : '#d5dbe2';
  document.querySelectorAll('[data-chart]').forEach(function (place) {
    var given = JSON.parse(place.dataset.chart);
    place.hidden = false;
    var chart = echarts.init(place, null, { renderer: 'svg' });
    chart.setOption({
      animation: false,
      color: dark ? ['#7fb2f0', '#f0b46a'] : ['#1f5fae', '#b0620a'],
      textStyle: { color: colour, fontFamily: 'inherit', fontSize: 13 },
      legend: { top: 0, textStyle: { color: colour } },
      grid: { left: 8, right: 12, top: 36, bottom: 4, containLabel: true },
      xAxis: { type: 'category', data: given.labels, axisLabel: { color: colour }, axisLine: { lineStyle: { color: line } } },
      yAxis: { type: 'value', name: given.unit, max: given.unit === '%' ? 100 : null, nameTextStyle: { color: colour }, axisLabel: { color: colour }, splitLine: { lineStyle: { color: line } } },
      series: given.series.map(function (one, n) {
        return { name: one.name, type: one.type, data: one.data, symbol: n ? 'rect' : 'circle', symbolSize: 8, lineStyle: { type: n ? 'dashed' : 'solid' }, connectNulls: true };
      })
    });
    window.addEventListener('resize', function () { chart.resize(); });
  });
})();
