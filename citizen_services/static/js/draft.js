// What is typed is kept on the server while it is typed, and a lost network is said and waited for. Every page works without this.
(function () {
  'use strict';
  var bar = document.querySelector('[data-autosave]');
  var form = bar && document.querySelector('form[data-action="' + bar.dataset.of + '"]');
  if (!form || !window.fetch || !window.URLSearchParams) return;
  var place = bar.querySelector('[data-saved]');
  // The console's frame has such a bar of its own.
  var words = document.querySelector('[data-offline-words]');
  var offline = words.closest('[data-offline]');
  var token = form.elements.csrf_token.value;
  var QUIET = 1200, FIRST_RETRY = 3000, LAST_RETRY = 30000;
  var timer = 0, retry = FIRST_RETRY, busy = false, again = false, over = false, kept = '', leaving = false;

  // What a save carries besides the answers differs at each page and is not kept.
  function body() {
    var sent = new URLSearchParams();
    new FormData(form).forEach(function (value, name) {
      if (typeof value === 'string' && name !== 'csrf_token' && name !== 'form_token' && name !== 'page') sent.append(name, value);
    });
    return sent.toString();
  }

  function tell(text, href) {
    words.textContent = text;
    if (href) {
      var link = document.createElement('a');
      link.href = href;
      link.textContent = '去登录';
      words.appendChild(link);
    }
    offline.hidden = !text;
  }

  function later(ms) { clearTimeout(timer); timer = setTimeout(keep, ms); }

  function lost() {
    tell('网络断了。您填的内容还在这一页，先别关；连上后自动保存，然后再提交。');
    later(retry);
    retry = Math.min(retry * 2, LAST_RETRY);
  }

  function answered(answer, sent) {
    if (answer.ok) {
      return answer.json().then(function (found) {
        kept = sent;
        retry = FIRST_RETRY;
        tell('');
        place.textContent = ' ' + found.saved + '已替您记下';
      });
    }
    if (answer.status >= 500 || answer.status === 429) { lost(); return null; }
    return answer.json().then(function (found) {
      // Nothing more can be kept from here; the form itself can still be sent.
      over = true;
      if (found.login) tell('登录已经过期，这一页暂时不能自动保存。按按钮时会先请您登录，填的内容不会丢。 ', found.login);
      else tell(found.sentence || '这一页暂时不能自动保存，按按钮仍然可以保存。');
    }, function () { over = true; tell('这一页暂时不能自动保存，按按钮仍然可以保存。'); });
  }

  function keep() {
    clearTimeout(timer);
    if (over || leaving) return;
    if (busy) { again = true; return; }
    var sent = body();
    if (sent === kept) { if (!offline.hidden) tell(''); return; }
    busy = true;
    fetch(bar.dataset.autosave, {
      method: 'POST',
      body: sent,
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded;charset=UTF-8', 'X-CSRFToken': token },
      keepalive: sent.length < 60000
    }).then(function (answer) { return answered(answer, sent); }, lost).then(function () {
      busy = false;
      if (again) { again = false; later(0); }
    });
  }

  kept = body();
  form.addEventListener('input', function () { later(QUIET); });
  form.addEventListener('change', function () { later(QUIET); });
  // On phones a page may never come back once it is hidden.
  document.addEventListener('visibilitychange', function () { if (document.hidden) keep(); });
  window.addEventListener('online', function () { retry = FIRST_RETRY; over = false; keep(); });
  window.addEventListener('offline', lost);
  // Sending without a network would leave the page for the browser's own error: stay, and say it.
  document.addEventListener('submit', function (event) {
    if (event.target !== form) return;
    if (navigator.onLine === false) { event.preventDefault(); lost(); return; }
    leaving = true;
    clearTimeout(timer);
  }, true);
  window.addEventListener('pageshow', function () { leaving = false; });
})();
