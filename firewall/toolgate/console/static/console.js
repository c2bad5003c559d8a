// What pages do by themselves: fetch themselves anew when something changed, count down, and lead the keyboard.
// Everything works without it, by reloading. It never sends a form that nobody pressed, but the one that
// finishes a sign-in at a provider.
"use strict";

const PAUSE_MS = 500;
const page = document.body;

// Lists whose entries have keys keep what is unchanged, so that nobody loses their place.
function patchKept(old, fresh) {
  const before = new Map([...old.children].map((child) => [child.dataset.key, child]));
  const wanted = [...fresh.children];
  const arrived = wanted.filter((child) => child.dataset.key !== "none" && !before.has(child.dataset.key));
  let at = old.firstElementChild;
  for (const child of wanted) {
    const known = before.get(child.dataset.key);
    let entry = known;
    if (!known || (!same(known, child) && !known.contains(document.activeElement))) {
      entry = document.importNode(child, true);
      entry.asServed = child.outerHTML;
      if (known) {
        if (at === known) at = known.nextElementSibling;
        known.remove();
      }
    }
    before.delete(child.dataset.key);
    if (entry === at) at = at.nextElementSibling;
    else old.insertBefore(entry, at);
  }
  for (const gone of before.values()) gone.remove();
  return arrived.length;
}

// A countdown changes by itself; that makes no entry another one.
const still = (html) => html.replace(/(<time class="until[^>]*>)[^<]*/g, "$1");
const same = (known, fresh) => still(known.asServed || known.outerHTML) === still(fresh.outerHTML);

function patchSwapped(old, fresh) {
  const served = fresh.innerHTML;
  if (still(old.asServed || old.innerHTML) === still(served)) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  if (focused && /^(INPUT|TEXTAREA|SELECT)$/.test(focused.tagName)) return;
  const name = focused && (focused.getAttribute("aria-label") || focused.textContent);
  old.replaceChildren(...document.importNode(fresh, true).childNodes);
  old.asServed = served;
  if (name) {
    const again = [...old.querySelectorAll("a, button")].find(
      (one) => (one.getAttribute("aria-label") || one.textContent) === name,
    );
    if (again) again.focus();
  }
}

function patch(fresh) {
  for (const old of document.querySelectorAll("[data-keep], [data-swap], [data-swap-once]")) {
    const other = fresh.getElementById(old.id);
    if (!other) continue;
    if ("keep" in old.dataset) {
      const arrived = patchKept(old, other);
      if (arrived && old.dataset.announce) announce(arrived, old.dataset.announce.split("|"));
    } else if ("swap" in old.dataset) patchSwapped(old, other);
    else if (old.dataset.swapOnce !== other.dataset.swapOnce) {
      old.replaceChildren(...document.importNode(other, true).childNodes);
      old.dataset.swapOnce = other.dataset.swapOnce;
    }
  }
  document.title = fresh.title;
  count();
}

function announce(number, words) {
  document.getElementById("news").textContent = `${number} new: ${words[number === 1 ? 0 : 1]}`;
}

let fetching = false;
let again = false;
let last = 0;

async function refresh() {
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  const wait = last + PAUSE_MS - Date.now();
  if (wait > 0) await new Promise((go) => setTimeout(go, wait));
  again = false;
  try {
    const answer = await fetch(page.dataset.address + (page.dataset.address.includes("?") ? "" : location.search), {
      headers: { "X-Toolgate-Refresh": "1" },
      credentials: "same-origin",
    });
    if (answer.redirected) location.reload();
    else if (answer.ok) patch(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    told("offline");
  }
  last = Date.now();
  fetching = false;
  if (again) refresh();
}

function told(state) {
  const place = document.getElementById("stream");
  if (!place || place.dataset.state === state) return;
  place.dataset.state = state;
  place.textContent = state;
}

function follow() {
  const topic = page.dataset.live;
  if (!topic) return;
  let events = null;
  let met = false;
  const listen = () => {
    events = new EventSource("/events");
    events.addEventListener("hello", () => {
      told("live");
      // What happened while nobody listened is only seen by looking.
      if (met) refresh();
      met = true;
    });
    events.addEventListener("change", (event) => {
      if (event.data.split(" ").includes(topic)) refresh();
    });
    events.addEventListener("over", () => {
      events.close();
      location.reload();
    });
    events.onerror = () => told("offline");
  };
  listen();
  window.addEventListener("pagehide", () => events.close());
  // A browser keeps few connections to one address: pages in the background give theirs up, but for the
  // list of what waits, whose title counts.
  document.addEventListener("visibilitychange", () => {
    if (topic === "approvals") return;
    if (document.hidden) events.close();
    else if (events.readyState === EventSource.CLOSED) listen();
  });
}

function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60]])
    if (whole >= 2 * size) return `${Math.floor(whole / size)}${unit}`;
  return `${whole}s`;
}

function count() {
  for (const one of document.querySelectorAll("time.until")) {
    const left = Number(one.dataset.until) - Date.now() / 1000;
    const text = left > 0 ? span(left) : "over";
    if (one.textContent !== text) one.textContent = text;
    one.classList.toggle("soon", left < 60);
  }
}

function ready() {
  // A page that came back from the browser's memory shows what was true then.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
    else if (event.target.method === "post") {
      // Pressed twice is meant once.
      if (event.target.dataset.sent) event.preventDefault();
      event.target.dataset.sent = "1";
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const place = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
    if (!place) return;
    event.preventDefault();
    const folded = place.closest("details");
    let goal = place;
    if (place.tagName === "SUMMARY") {
      folded.open = true;
      goal = folded.querySelector("textarea, button") || place;
    }
    goal.focus();
  });
  document.addEventListener("change", (event) => {
    const [name, value] = (event.target.dataset.selects || "").split("=");
    const radio = name && event.target.form.querySelector(`[name="${name}"][value="${value}"]`);
    if (radio) radio.checked = true;
  });
  for (const form of document.querySelectorAll("form[data-submit]")) form.requestSubmit();
  for (const link of document.querySelectorAll("a[data-follow]")) location.assign(link.href);
  const here = document.querySelector('nav a[aria-current="page"]');
  if (here) here.scrollIntoView({ block: "nearest", inline: "center" });
  count();
  setInterval(count, 1000);
  follow();
}

ready();
