// The waiting-room screen asks every two seconds; calls that may be old are never shown as current.
(function () {
  'use strict';
  var body = document.body, etag = '', wait = 2000, seen = Date.now(), shift = 0, last = null;
  function find(name) { return body.querySelector('[data-' + name + ']'); }
  function clock() {
    var now = new Date(Date.now() + shift);
    find('now').textContent = new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', month: 'long', day: 'numeric', weekday: 'short', hour: '2-digit', minute: '2-digit', hour12: false }).format(now);
    var lost = find('lost'), quiet = Date.now() - seen > 15000;
    if (quiet && lost.hidden) {
      lost.textContent = '网络中断，' + new Intl.DateTimeFormat('zh-CN', { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit', hour12: false }).format(new Date(seen + shift)) + ' 起未更新，请听人工叫号';
    }
    lost.hidden = !quiet;
    body.querySelector('main').hidden = false;
  }
  function show(state) {
    var first = state.calls[0] || null;
    var sign = first ? first.number + ' ' + first.counter + ' ' + first.calls : '';
    find('number').textContent = first ? first.number : '请稍候';
    find('counter').textContent = first ? '到 ' + first.counter + ' 号窗口' : '';
    find('name').textContent = first && first.name ? first.name : '';
    if (last !== null && sign && sign !== last) {
      var box = find('last');
      box.classList.add('new');
      window.setTimeout(function () { box.classList.remove('new'); }, 10000);
    }
    last = sign;
    var list = find('list');
    list.textContent = '';
    state.calls.slice(1).forEach(function (call) {
      var row = document.createElement('li'), number = document.createElement('span'), counter = document.createElement('span');
      number.textContent = call.number + (call.name ? ' ' + call.name : '');
      counter.textContent = call.counter + ' 号窗口';
      row.appendChild(number);
      row.appendChild(counter);
      list.appendChild(row);
    });
    find('waiting').textContent = String(state.waiting);
  }
  function ask() {
    fetch(body.dataset.board, { headers: etag ? { 'If-None-Match': etag } : {}, cache: 'no-store' }).then(function (answer) {
      if (answer.status !== 304 && !answer.ok) throw new Error(String(answer.status));
      var now = answer.headers.get('X-Now');
      if (now) shift = new Date(now).getTime() - Date.now();
      seen = Date.now();
      wait = 2000;
      if (answer.status === 304) return null;
      etag = answer.headers.get('ETag') || '';
      return answer.json();
    }).then(function (state) { if (state) show(state); }).catch(function () { wait = Math.min(15000, wait * 2); }).then(function () { window.setTimeout(ask, wait); });
  }
  window.setInterval(clock, 1000);
  clock();
  ask();
})();
