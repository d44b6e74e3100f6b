// The payment page: WeChat's own dialogue where there is one, and the question to the server afterwards.
(function () {
  'use strict';
  var box = document.querySelector('[data-bridge]');
  var busy = false;

  // What the dialogue says is no proof: the server asks.
  function done() {
    busy = false;
    window.location.href = box.dataset.result;
  }

  function pay() {
    if (busy || !window.WeixinJSBridge) return;
    busy = true;
    window.WeixinJSBridge.invoke('getBrandWCPayRequest', JSON.parse(box.dataset.bridge), done);
  }

  if (box) {
    box.querySelector('[data-pay]').addEventListener('click', pay);
    window.addEventListener('pageshow', function () { busy = false; });
    if (window.WeixinJSBridge) pay();
    else document.addEventListener('WeixinJSBridgeReady', pay, { once: true });
  }

  // The page of the result asks again by itself, a few times.
  var again = document.querySelector('form.mx-again');
  if (again) window.setTimeout(function () { again.requestSubmit(); }, 3000);
})();
