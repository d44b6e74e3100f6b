// WeChat's subscription messages: the button is WeChat's own and shows itself only where WeChat's script lets it.
(function () {
  'use strict';
  var place = document.querySelector('[data-subscribe]');
  if (!place || !window.wx || !/micromessenger/i.test(navigator.userAgent)) return;
  // Signed are only pages under the public address.
  if (location.origin !== place.dataset.origin) return;
  var said = place.querySelector('[data-subscribe-said]');
  var here = location.href.split('#')[0];

  function accepted(detail) {
    try {
      var answers = JSON.parse(detail.subscribeDetails);
      return Object.keys(answers).some(function (id) { return JSON.parse(answers[id]).status === 'accept'; });
    } catch (fault) { return false; }
  }

  function offer() {
    var tag = document.createElement('wx-open-subscribe');
    tag.setAttribute('template', place.dataset.subscribe);
    // WeChat draws what stands in this script; it is no script that runs.
    var drawn = document.createElement('script');
    drawn.type = 'text/wxtag-template';
    drawn.text = '<button style="width:100%;min-height:48px;border:0;border-radius:8px;font-size:17px;' +
      'background:#047a3c;color:#fff">同意接收订阅消息</button>';
    tag.appendChild(drawn);
    tag.addEventListener('success', function (event) {
      said.textContent = accepted(event.detail || {})
        ? '已经同意。下一条进展会发到微信的“服务通知”。'
        : '没有同意。进展照常用公众号消息或者短信告诉您。';
    });
    tag.addEventListener('error', function () { place.hidden = true; });
    place.querySelector('[data-subscribe-button]').replaceChildren(tag);
    place.hidden = false;
  }

  fetch(place.dataset.config + '?url=' + encodeURIComponent(here), { credentials: 'same-origin' })
    .then(function (answer) { if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); })
    .then(function (signed) {
      // "Ready" is also said after a refusal.
      var refused = false;
      wx.error(function () { refused = true; place.hidden = true; });
      wx.ready(function () { if (!refused) offer(); });
      wx.config({ debug: false, appId: signed.appId, timestamp: signed.timestamp, nonceStr: signed.nonceStr,
        signature: signed.signature, jsApiList: ['scanQRCode'], openTagList: ['wx-open-subscribe'] });
    })
    .catch(function () { place.hidden = true; });
})();
