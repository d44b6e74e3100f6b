// Citizens' pages: the SMS button's waiting time, copying a number, refreshing while a register is being asked.
(function () {
  'use strict';

  function toast(text) {
    var box = document.createElement('div');
    box.className = 'mx-toast';
    box.setAttribute('role', 'status');
    document.body.appendChild(box);
    box.textContent = text;
    setTimeout(function () { box.remove(); }, 2500);
  }

  document.addEventListener('click', function (event) {
    var button = event.target.closest('[data-copy]');
    if (!button) return;
    var text = button.dataset.copy;
    function byHand() {
      var number = document.querySelector('[data-case-no]');
      if (number) getSelection().selectAllChildren(number);
      toast('已选中编号，请长按复制');
    }
    if (!navigator.clipboard) { byHand(); return; }
    navigator.clipboard.writeText(text).then(function () { toast('已复制 ' + text); }, byHand);
  });

  // "Send the code" may be pressed again only after the seconds that the server names; the server keeps to them by itself.
  document.querySelectorAll('button[data-wait]').forEach(function (button) {
    var place = button.querySelector('.mx-t');
    var idle = place.textContent;
    var until = Date.now() + Number(button.dataset.wait) * 1000;
    button.dataset.until = '1';
    button.setAttribute('aria-disabled', 'true');
    button.addEventListener('click', function (event) { if (button.dataset.until) event.preventDefault(); });
    (function tick() {
      var left = Math.ceil((until - Date.now()) / 1000);
      if (left > 0) { place.textContent = left + ' 秒后可重新获取'; setTimeout(tick, 500); return; }
      delete button.dataset.until;
      button.removeAttribute('aria-disabled');
      place.textContent = idle;
    })();
  });

  var seconds = Number(document.body.dataset.refresh || 0);
  if (seconds) setTimeout(function () { location.reload(); }, seconds * 1000);
})();
