// The console: keys, the material viewer, htmx under the content policy. Every page works without this.
(function () {
  'use strict';
  var body = document.body;

  // Single keys may be switched off (they get in the way of speech input); they rest while somebody types or an input method composes.
  function typing(target) { return target.matches('input:not([type=radio]):not([type=checkbox]),textarea,select,[contenteditable]'); }
  function rows() { return Array.prototype.slice.call(document.querySelectorAll('tr[data-row] a')); }
  function step(by) {
    var links = rows();
    if (!links.length) return;
    var at = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, at < 0 ? 0 : at + by))].focus();
  }
  document.addEventListener('keydown', function (event) {
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && typing(event.target)) { event.target.blur(); return; }
    if (body.dataset.keys === 'off' || typing(event.target)) return;
    var key = event.key.toLowerCase();
    if (key === '/') { var search = document.querySelector('[data-search]'); if (search) { event.preventDefault(); search.focus(); } return; }
    if (key === 'j') { step(1); return; }
    if (key === 'k') { step(-1); return; }
    var marked = document.querySelector('[data-key="' + CSS.escape(event.key) + '"],[data-key="' + CSS.escape(event.key.toUpperCase()) + '"]');
    // A button that moves a case is only focused: Enter presses it. Others act at once.
    if (marked) { event.preventDefault(); if (marked.type === 'submit') marked.focus(); else marked.click(); }
  });

  document.querySelectorAll('form[data-autosubmit]').forEach(function (form) {
    form.addEventListener('change', function () { form.requestSubmit ? form.requestSubmit() : form.submit(); });
  });

  document.querySelectorAll('[data-viewer]').forEach(function (viewer) {
    var pages = viewer.querySelectorAll('[data-view-page]');
    var place = viewer.querySelector('[data-viewer-pos]');
    var at = 0;
    if (!pages.length) return;
    function show() {
      pages.forEach(function (page, n) { page.classList.toggle('ws-gone', n !== at); });
      place.textContent = (at + 1) + ' / ' + pages.length;
    }
    function turn(prefix, by, last) {
      var image = pages[at].querySelector('img');
      if (!image) return;
      var now = Number(image.dataset[prefix] || 0);
      var next = last === undefined ? (now + by + 4) % 4 : Math.min(last, Math.max(0, now + by));
      image.classList.remove(prefix + now);
      image.dataset[prefix] = next;
      if (next) image.classList.add(prefix + next);
    }
    viewer.addEventListener('click', function (event) {
      var button = event.target.closest('[data-view]');
      if (!button) return;
      var what = button.dataset.view;
      if (what === 'prev') at = Math.max(0, at - 1);
      if (what === 'next') at = Math.min(pages.length - 1, at + 1);
      if (what === 'rotate') turn('r', 1);
      if (what === 'in') turn('z', 1, 2);
      if (what === 'out') turn('z', -1, 2);
      show();
    });
    show();
  });

  document.querySelectorAll('[data-print]').forEach(function (button) {
    button.addEventListener('click', function () { window.print(); });
  });

  var token = document.querySelector('meta[name=csrf]');
  document.addEventListener('htmx:configRequest', function (event) { if (token) event.detail.headers['X-CSRFToken'] = token.content; });
  document.addEventListener('htmx:beforeRequest', function (event) { if (document.hidden && event.detail.requestConfig.verb === 'get') event.preventDefault(); });
  function offline(state) { var bar = document.querySelector('[data-offline]'); if (bar) bar.hidden = !state; }
  document.addEventListener('htmx:sendError', function () { offline(true); });
  document.addEventListener('htmx:timeout', function () { offline(true); });
  document.addEventListener('htmx:afterOnLoad', function () { offline(false); });
})();
