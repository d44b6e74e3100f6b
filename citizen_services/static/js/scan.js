// WeChat's scanner on our pages: the button shows itself only where WeChat's own script says that it works.
(function () {
  'use strict';
  var place = document.querySelector('[data-scan]');
  if (!place || !window.wx || !/micromessenger/i.test(navigator.userAgent)) return;
  // Signed are only pages under the public address.
  if (location.origin !== place.dataset.origin) return;
  var said = place.querySelector('[data-scan-said]');
  var here = location.href.split('#')[0];

  // Only our own pages are opened: a sticker over a plate or a voucher must lead nobody elsewhere.
  function go(text) {
    var own = [location.origin + '/h5/', location.origin + '/d/'].some(function (start) { return text.indexOf(start) === 0; });
    if (own) { location.href = text; return; }
    said.textContent = /^https?:\/\/weixin\.qq\.com\//.test(text)
      ? '这个码请用微信首页的“扫一扫”打开。'
      : '这不是本平台的二维码，为了安全没有打开。请核对后再扫。';
  }

  fetch(place.dataset.scan + '?url=' + encodeURIComponent(here), { credentials: 'same-origin' })
    .then(function (answer) { if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); })
    .then(function (signed) {
      // "Ready" is also said after a refusal.
      var refused = false;
      wx.error(function () { refused = true; place.hidden = true; });
      wx.ready(function () { place.hidden = refused; });
      wx.config({ debug: false, appId: signed.appId, timestamp: signed.timestamp, nonceStr: signed.nonceStr,
        signature: signed.signature, jsApiList: ['scanQRCode'] });
    })
    .catch(function () { place.hidden = true; });

  place.querySelector('button').addEventListener('click', function () {
    said.textContent = '';
    wx.scanQRCode({
      needResult: 1, scanType: ['qrCode'],
      success: function (result) { go(String(result.resultStr || '')); },
      fail: function () { said.textContent = '没有扫成。请用微信首页的“扫一扫”。'; }
    });
  });
})();
