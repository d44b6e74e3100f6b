// A ticket's page on the phone: renews its one box, says nothing where nothing changed. Works without this by reloading.
(function () {
  'use strict';
  var box = document.querySelector('[data-queue]');
  if (!box) return;
  var wait = 10000;
  function later() { window.setTimeout(ask, wait); }
  function ask() {
    if (document.hidden || box.dataset.state === 'done') { later(); return; }
    fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' }).then(function (answer) {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.text();
    }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('[data-queue]');
      if (fresh && fresh.innerHTML !== box.innerHTML) {
        box.dataset.state = fresh.dataset.state;
        box.replaceChildren.apply(box, Array.from(fresh.childNodes));
      }
      wait = 10000;
    }).catch(function () { wait = Math.min(60000, wait * 2); }).then(later);
  }
  later();
})();
