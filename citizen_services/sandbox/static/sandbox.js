// Refreshes the phone and the ledger, scrolls to what came last, and tells WeChat's side that a menu link was opened.
'use strict';

const EVERY_MS = 1500;
const talk = document.getElementById('talk');

function toEnd() {
  if (talk) talk.scrollTop = talk.scrollHeight;
}

function clock() {
  const shown = document.getElementById('clock');
  if (shown) shown.textContent = new Date().toLocaleTimeString('zh-CN', { timeZone: 'Asia/Shanghai', hourCycle: 'h23' }).slice(0, 5);
}

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: 'text/html' } }).catch(() => null);
  if (!answer || !answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  document.querySelectorAll('[data-refresh]').forEach((part) => {
    const news = fresh.getElementById(part.id);
    if (!news || news.innerHTML === part.innerHTML || part.contains(document.activeElement)) return;
    part.replaceChildren(...news.childNodes);
    if (part === talk) toEnd();
  });
  clock();
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('[data-view]');
  if (!link || !link.dataset.who) return;
  fetch('/_control/push', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ openid: link.dataset.who, kind: 'view', url: link.dataset.view }),
  });
});

toEnd();
clock();
setInterval(refresh, EVERY_MS);
