// Questions that tests ask a page. The file is one expression, so that a test can write `(…).wide()`.
({
  listen() {
    window.__csp = [];
    document.addEventListener('securitypolicyviolation', event => {
      window.__csp.push([event.violatedDirective, event.blockedURI, event.sample].join(' '));
    });
  },

  // By how much the page is wider than the screen, and what sticks out; null for a page that fits.
  wide() {
    const edge = document.documentElement.clientWidth;
    const over = document.documentElement.scrollWidth - edge;
    if (over <= 0) return null;
    const out = [...document.body.querySelectorAll('*')].filter(el => el.getBoundingClientRect().right > edge + 1);
    return over + 'px: ' + out.slice(0, 4).map(el => el.tagName + '.' + el.className).join(', ');
  },

  // What is too small to be hit. Links inside a sentence are exempt by WCAG 2.5.8; a radio counts with its label.
  smallTargets(least) {
    const small = [];
    for (const el of document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,summary')) {
      const style = getComputedStyle(el);
      if (el.closest('.mx-vh,.mx-skip,[hidden]') || style.display === 'none' || style.visibility === 'hidden') continue;
      const sentence = el.closest('p,li');
      if (el.matches('a') && style.display === 'inline' && sentence && sentence.textContent.trim() !== el.textContent.trim()) continue;
      const label = el.matches('[type=radio],[type=checkbox]') && document.querySelector('label[for="' + CSS.escape(el.id) + '"]');
      const box = (label || el).getBoundingClientRect();
      if (box.width === 0) continue;
      const name = (el.innerText || el.getAttribute('aria-label') || el.name || el.tagName).trim().slice(0, 20);
      if (box.height < least - .5 || box.width < Math.min(least, 44) - .5) small.push(name + ' ' + Math.round(box.width) + 'x' + Math.round(box.height));
    }
    return small;
  },

  startRound() {
    window.__round = new Set();
    if (document.activeElement) document.activeElement.blur();
    scrollTo(0, 0);
  },

  // Whether the focused element can be seen to have the focus; null once the round through the page is over.
  focused() {
    const el = document.activeElement;
    if (!el || el === document.body || el === document.documentElement || window.__round.has(el)) return null;
    window.__round.add(el);
    const outlined = node => {
      const style = getComputedStyle(node);
      return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    };
    const label = el.matches('[type=radio],[type=checkbox]') && document.querySelector('label[for="' + CSS.escape(el.id) + '"]');
    return {ok: outlined(el) || Boolean(label && outlined(label)), what: el.tagName + ' ' + (el.innerText || el.name || el.id || '').trim().slice(0, 24)};
  },

  enlarge(factor) {
    const sizes = [...document.querySelectorAll('body, body *')].map(el => [el, parseFloat(getComputedStyle(el).fontSize)]);
    for (const [el, size] of sizes) el.style.fontSize = size * factor + 'px';
  },
})
