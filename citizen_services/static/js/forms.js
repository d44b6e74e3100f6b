// Forms of both doors: sending once, errors in view, files named before they are sent. Every page works without this.
(function () {
  'use strict';
  document.documentElement.classList.add('js');

  function label(button, text) {
    var place = button.querySelector('.mx-t');
    if (!place) return;
    if (button.dataset.idle === undefined) button.dataset.idle = place.textContent;
    place.textContent = text;
  }

  // A form is sent once. The button is not disabled, else its own name and value would not be sent.
  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (form.dataset.busy === '1') { event.preventDefault(); return; }
    if (event.defaultPrevented || form.method !== 'post') return;
    form.dataset.busy = '1';
    var button = event.submitter || form.querySelector('button[type=submit]');
    if (!button) return;
    button.setAttribute('aria-disabled', 'true');
    if (button.dataset.busy) label(button, button.dataset.busy);
  });

  // The browser may show this page again from memory after "back": forms are made ready, and live pages are fetched anew.
  window.addEventListener('pageshow', function (event) {
    if (event.persisted && document.body.dataset.live) { location.reload(); return; }
    document.querySelectorAll('form[data-busy="1"]').forEach(function (form) { delete form.dataset.busy; });
    document.querySelectorAll('button[aria-disabled="true"]').forEach(function (button) {
      if (button.dataset.until) return;
      button.removeAttribute('aria-disabled');
      if (button.dataset.idle !== undefined) label(button, button.dataset.idle);
    });
  });

  var summary = document.getElementById('errsum');
  if (summary) summary.focus();
  document.addEventListener('click', function (event) {
    var link = event.target.closest('#errsum a[href^="#"]');
    var target = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target) return;
    event.preventDefault();
    (target.closest('.mx-f') || target).scrollIntoView({ block: 'start' });
    (target.matches('fieldset,section') ? target.querySelector('input:not([type=hidden]),button') || target : target).focus({ preventScroll: true });
  });

  document.addEventListener('change', function (event) {
    var input = event.target;
    if (input.type !== 'file') return;
    var place = document.querySelector('[data-picked="' + input.id + '"]');
    if (!place) return;
    var limit = Number(input.dataset.maxBytes || 0);
    var over = Array.prototype.some.call(input.files, function (file) { return limit && file.size > limit; });
    place.textContent = over ? '文件超过 10 MB,请换一张小一些的。' : Array.prototype.map.call(input.files, function (file) { return file.name; }).join('、');
    place.classList.toggle('mx-over', over);
  });
})();
