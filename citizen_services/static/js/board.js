// The waiting-room screen asks every two seconds; calls that may be old are never shown as current. A new call is spoken
// where whoever hung the screen allowed it, and stands as text in any case.
(function () {
  'use strict';
  var body = document.body, etag = '', wait = 2000, seen = Date.now(), shift = 0, last = null, known = null;
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
  var speech = window.speechSynthesis || null, speaks = false, KEPT = 'board-voice', DIGITS = '零一二三四五六七八九';
  function wish() { try { return window.localStorage.getItem(KEPT) === 'on'; } catch (refused) { return false; } }
  function keep(on) { try { window.localStorage.setItem(KEPT, on ? 'on' : 'off'); } catch (refused) { return; } }
  function voice() { return speech ? speech.getVoices().filter(function (one) { return /^(zh|cmn)/i.test(one.lang); })[0] || null : null; }
  function draw(blocked) {
    var button = find('voice'), there = voice() !== null;
    button.hidden = !there;
    find('mute').hidden = there;
    button.textContent = speaks ? '关闭语音播报' : blocked ? '点这里恢复语音播报' : '打开语音播报';
    button.setAttribute('aria-pressed', String(speaks));
    if (there && !speaks) body.dataset.speaks = 'off'; else delete body.dataset.speaks;
  }
  function say(words) {
    var said = new SpeechSynthesisUtterance(words);
    said.lang = 'zh-CN';
    said.voice = voice();
    said.rate = 0.9;
    // A browser that wants a touch first: what was wished stays, and the button says what to do.
    said.onerror = function (event) { if (event.error === 'not-allowed') { speaks = false; draw(true); } };
    speech.speak(said);
  }
  function announce(call) {
    find('said').textContent = '请 ' + call.number + ' 号到 ' + call.counter + ' 号窗口';
    if (!speaks || voice() === null) return;
    var number = call.number.replace(/\d/g, function (digit) { return ' ' + DIGITS[Number(digit)]; });
    var words = '请 ' + number + ' 号，到 ' + call.counter + ' 号窗口。';
    say(words + words);
  }
  function set() { speaks = wish() && voice() !== null; draw(false); }
  find('voice').addEventListener('click', function () {
    speaks = !speaks;
    keep(speaks);
    if (speaks) say('语音播报已打开'); else speech.cancel();
    draw(false);
  });
  // Browsers come to know their voices some time after the page.
  if (speech && speech.addEventListener) speech.addEventListener('voiceschanged', set);
  set();
  function show(state) {
    var keys = state.calls.map(function (call) { return call.number + ' ' + call.counter + ' ' + call.calls; });
    if (known !== null) state.calls.filter(function (call, at) { return known.indexOf(keys[at]) < 0; }).reverse().forEach(announce);
    known = keys;
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
