// Photos of papers: seen before they are sent, one at a time, with progress. Every page works without this: one form a photo.
(function () {
  'use strict';
  if (!window.FormData || !window.XMLHttpRequest || !window.DOMParser || !window.URL) return;
  var sending = null;

  function place(form) { return form.querySelector('[data-picked]') || form.closest('.mx-mat').querySelector('[data-picked]'); }

  function say(form, text, bad) {
    var words = place(form);
    if (!words) return;
    words.textContent = text;
    words.classList.toggle('mx-over', Boolean(bad));
  }

  document.addEventListener('change', function (event) {
    var input = event.target;
    var form = input.closest && input.closest('.mx-mat form[data-action="upload"]');
    if (!form || input.type !== 'file') return;
    var box = form.querySelector('[data-preview]');
    while (box.firstChild) { URL.revokeObjectURL(box.firstChild.src); box.removeChild(box.firstChild); }
    box.hidden = true;
    if (!input.files.length) return;
    var picture = new Image();
    picture.alt = '将要上传的照片';
    picture.onload = function () { box.hidden = false; };
    // Some browsers can't show what iPhones take; it can be sent all the same.
    picture.onerror = function () { box.hidden = true; };
    picture.src = URL.createObjectURL(input.files[0]);
    box.appendChild(picture);
  });

  function free(form) {
    sending = null;
    delete form.dataset.busy;
    var button = form.querySelector('button[type=submit]');
    button.removeAttribute('aria-disabled');
    var label = button.querySelector('.mx-t');
    if (button.dataset.idle !== undefined) label.textContent = button.dataset.idle;
    var bar = form.querySelector('[data-progress]');
    if (bar) bar.hidden = true;
  }

  function hold(form) {
    sending = form;
    form.dataset.busy = '1';
    var button = form.querySelector('button[type=submit]');
    button.setAttribute('aria-disabled', 'true');
    var label = button.querySelector('.mx-t');
    if (button.dataset.idle === undefined) button.dataset.idle = label.textContent;
    label.textContent = button.dataset.busy || label.textContent;
  }

  // The answer is the whole page: only the card of this material is taken from it, so what is typed elsewhere stays.
  function answered(form, request) {
    var card = form.closest('.mx-mat');
    var page = new DOMParser().parseFromString(request.responseText, 'text/html');
    var fresh = page.getElementById(card.id);
    if (!fresh) {
      if (request.status < 400) { location.href = request.responseURL || location.href; return; }
      free(form);
      var told = page.querySelector('main h1');
      say(form, (told ? told.textContent.trim() : '这张照片没有上传成功') + '，请刷新这一页再试。', true);
      return;
    }
    sending = null;
    document.querySelectorAll('#errsum').forEach(function (one) { one.remove(); });
    card.replaceWith(document.adoptNode(fresh));
    fresh.focus({ preventScroll: true });
    fresh.scrollIntoView({ block: 'nearest' });
  }

  document.addEventListener('submit', function (event) {
    var form = event.target.closest('.mx-mat form');
    if (!form) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (sending) { if (sending !== form) say(form, '上一张还在上传，请稍等。'); return; }
    var input = form.querySelector('input[type=file]');
    if (input && !input.files.length) { say(form, '请先拍一张或选一张照片。', true); return; }
    if (input && Number(input.dataset.maxBytes) < input.files[0].size) { say(form, '这张照片超过10MB，请用手机的普通拍照模式重新拍一张。', true); return; }
    if (navigator.onLine === false) { say(form, '网络断了，照片还没有上传。连上后请再按一次。', true); return; }
    hold(form);
    var bar = form.querySelector('[data-progress]');
    var request = new XMLHttpRequest();
    // The form has a field of that name.
    request.open('POST', form.getAttribute('action'));
    if (bar) {
      bar.hidden = false;
      bar.value = 0;
      request.upload.addEventListener('progress', function (step) {
        if (!step.lengthComputable) return;
        bar.value = Math.round(step.loaded * 100 / step.total);
        say(form, bar.value < 100 ? '已上传 ' + bar.value + '%' : '已经传完，正在检查照片…');
      });
    }
    request.addEventListener('load', function () { answered(form, request); });
    request.addEventListener('error', function () { free(form); say(form, '网络断了，照片还没有上传。请再按一次。', true); });
    request.send(new FormData(form));
  }, true);
})();
