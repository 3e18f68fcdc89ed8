// The page in the browser. All that comes from topics is put in as text, never as HTML.

const ROW_PX = 30, SPARE_ROWS = 8, ROWS_MAX = 2000, SECONDS_MAX = 1800;
const CHART = "lightweight-charts.standalone.production.mjs";
const SIGNS = { open: "", acknowledged: "✓ seen", dismissed: "✕ dismissed", escalated: "▲ escalated" };
const SHORT = { open: "", acknowledged: "✓", dismissed: "✕", escalated: "▲" };
const KEYS = [["/", "search"], ["j k ↓ ↑", "next, previous episode"], ["Enter", "open"], ["a", "acknowledge"], ["d", "dismiss"], ["e", "escalate"], ["Space", "pause, resume"], ["n", "newest first, worst first"], ["l", "chart: back to now"], ["c", "clear filters"], ["Esc", "leave the field, close"], ["?", "these keys"]];
const EMPTY_STATES = {
  none: "No episode yet. The detector writes them to its topic as soon as a trade is flagged; the bar above says whether trades come.",
  filter: "No episode matches the filter.",
};
const CHOOSE = "Choose an episode: click a row, or press j. The worst ones are at the top.";
const RETRY_MS = 3000, MINUTES_EVERY_MS = 2000;
const FILTER = { text: "", symbols: "", rule: "", severity: "0", review: "all", order: "worst", time: "" };
const TIME = /^(\d{4}-\d\d-\d\d)?[T ]?(\d\d:\d\d(?::\d\d)?)?(?:-(\d\d:\d\d(?::\d\d)?))?$/;
const pages = new WeakMap();

export default function (component) {
  const root = component.parentElement;
  if (!pages.has(root)) pages.set(root, new Page(root));
  return () => {};
}

function text(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  if (content !== null && content !== undefined) made.textContent = String(content);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(name, value);
  return made;
}
const number = (value, digits = 2) => value === null || value === undefined ? "–" : Number(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = (value) => value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en-US");
const clock = (iso) => iso ? iso.slice(11, 23) : "–";
const day = (iso) => iso ? iso.slice(0, 10) : "";
const short = (value) => value >= 1e9 ? (value / 1e9).toFixed(1) + " B" : value >= 1e6 ? (value / 1e6).toFixed(1) + " M" : value >= 1e4 ? Math.round(value / 1e3) + " k" : whole(value);
const move = (row) => row.before && row.extreme ? (row.extreme / row.before - 1) * 1e4 : null;
const second = (iso) => Math.floor(Date.parse(iso) / 1000);
const level = (priority) => priority >= 4 ? 3 : priority >= 2.5 ? 2 : 1;

// The same as `Wanted.has` in filters.py, for rows that come later.
export function isWanted(f, row) {
  const symbols = f.symbols.toUpperCase().split(",").filter(Boolean);
  if (symbols.length && !symbols.includes(row.symbol.toUpperCase())) return false;
  if (f.rule && !row.rules.includes(f.rule)) return false;
  if (+f.severity && (row.severity || 0) < +f.severity) return false;
  if (f.review !== "all" && row.review !== f.review) return false;
  if (!isInTime(f.time, row.first)) return false;
  const wanted = f.text.trim().toLowerCase();
  return !wanted || [row.symbol, row.id, row.reason, row.mark, ...row.rules].some((part) => part.toLowerCase().includes(wanted));
}

// The same as `in_time` in filters.py: a day, a time of day, from one to another, or both.
export function isInTime(wanted, first) {
  const found = TIME.exec((wanted || "").trim());
  if (!found || !found[0]) return true;
  const [, date, from, until] = found, to = until || from, at = first.slice(11);
  return (!date || first.startsWith(date)) && (!from || at.slice(0, from.length) >= from) && (!to || at.slice(0, to.length) <= to);
}

class Page {
  constructor(root) {
    this.$ = (id) => root.querySelector("#" + id);
    this.page = this.$("page");
    this.rows = new Map(); this.order = []; this.chosen = null; this.details = null; this.count = 0;
    this.filter = { ...FILTER }; this.troubles = new Map(); this.at = null;
    this.seq = 0; this.paused = null; this.symbol = ""; this.bars = new Map(); this.length = 1;
    this.facts = {}; this.start = { reasons: [], may_review: false }; this.told = "";
    this.drawn = new Map(); this.series = null; this.wait = 500; this.rules = new Set();
    this.wire();
    this.begin();
  }

  async begin() {
    this.useTheme(localStorage.getItem("tapewatch-theme") || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark"));
    await this.makeChart();
    await this.load();
    const query = new URLSearchParams(location.search);
    const asked = query.get("episode") ? ["episode", query.get("episode")] : query.get("id") ? ["id", query.get("id")] : null;
    if (asked) await this.open(...asked);
    else if (this.order.length) await this.open("episode", this.order[0].id, false); // nothing is chosen yet that this could take away
    else this.$("detail").replaceChildren(text("p", CHOOSE, { class: "nothing" }));
    this.listen();
    setInterval(() => this.showState(), 1000);
  }

  async load() {
    const start = await this.ask("/live/start", "what is shown");
    if (start) { this.start = start; this.facts = start.facts; this.$("title").textContent = start.title; this.$("title").title = start.title; this.$("user").textContent = start.user ? `${start.user}${start.may_review ? "" : " (may look)"}` : ""; }
    await this.query();
    this.showState();
  }

  // What a request answers; null where it failed, which the line under the bar then says.
  async ask(path, what) {
    try {
      const answer = await fetch(path);
      if (!answer.ok) throw new Error((await answer.text()).trim().slice(0, 200) || `status ${answer.status}`);
      const found = await answer.json();
      if (this.troubles.delete(what)) this.showState();
      return found;
    } catch (error) {
      this.troubles.set(what, `Not loaded: ${what} (${error instanceof TypeError ? "the page's server does not answer" : error.message}). What is shown is older.`);
      this.showState();
      return null;
    }
  }

  address(path) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(this.filter)) if (value !== FILTER[name]) query.set(name, value);
    return path + (query.size ? "?" + query : "");
  }

  async query() {
    const asked = this.asked = (this.asked || 0) + 1;
    const found = await this.ask(this.address("/live/episodes"), "the list of episodes");
    if (asked !== this.asked) return;
    if (!found) { setTimeout(() => asked === this.asked && this.query(), RETRY_MS); return; }
    this.rows = new Map(found.rows.map((row) => [row.id, row]));
    this.seq = Math.max(this.seq, found.seq); this.count = found.count;
    for (const row of found.rows) for (const rule of row.rules) this.rules.add(rule);
    this.$("csv").href = this.address("/live/episodes.csv");
    this.showRules(); this.sort(true);
  }

  matches(row) { return isWanted(this.filter, row); }

  sort(fromTop = false) {
    const newest = this.filter.order === "newest", rows = [...this.rows.values()];
    rows.sort((a, b) => newest ? (a.first < b.first ? 1 : a.first > b.first ? -1 : 0) : b.priority - a.priority || (a.first < b.first ? 1 : -1));
    for (const row of rows.splice(ROWS_MAX)) if (row.id !== this.chosen) this.rows.delete(row.id);
    const table = this.$("table"), at = Math.floor(table.scrollTop / ROW_PX), anchor = table.scrollTop > 2 && !fromTop ? this.order[at] : null;
    const offset = table.scrollTop - at * ROW_PX;
    this.order = rows;
    this.$("space").style.height = rows.length * ROW_PX + "px";
    if (anchor) {
      const now = rows.findIndex((row) => row.id === anchor.id);
      if (now >= 0 && now !== at) table.scrollTop = now * ROW_PX + offset;
    } else if (fromTop) table.scrollTop = 0;
    this.draw();
  }

  // The table: only what is on the screen is drawn; a row keeps its element as long as it is.
  draw() {
    const table = this.$("table"), space = this.$("space");
    const first = Math.max(0, Math.floor(table.scrollTop / ROW_PX) - SPARE_ROWS);
    const last = Math.min(this.order.length, first + Math.ceil(table.clientHeight / ROW_PX) + 2 * SPARE_ROWS);
    const wanted = new Set();
    table.setAttribute("aria-rowcount", this.order.length);
    for (let n = first; n < last; n++) {
      const row = this.order[n]; wanted.add(row.id);
      let made = this.drawn.get(row.id);
      if (!made || made.row !== row) {
        const cell = this.cell(row);
        if (made) made.cell.replaceWith(cell); else space.append(cell);
        made = { row, cell }; this.drawn.set(row.id, made);
      }
      made.cell.style.transform = `translateY(${n * ROW_PX}px)`;
      made.cell.setAttribute("aria-rowindex", n + 1);
      made.cell.setAttribute("aria-selected", row.id === this.chosen);
    }
    for (const [id, made] of this.drawn) if (!wanted.has(id)) { made.cell.remove(); this.drawn.delete(id); }
    const more = this.count > this.order.length ? `first ${whole(this.order.length)} of ` : "";
    this.$("count").textContent = `${more}${whole(Math.max(this.count, this.order.length))} episode${this.count === 1 ? "" : "s"}`;
    this.showEmpty();
  }

  cell(row) {
    const cell = text("div", null, { class: "cell", role: "row", "data-testid": "episode-row", "data-episode-id": row.id, "data-symbol": row.symbol, "data-review": row.review });
    const bps = move(row), put = (content, name, title) => { const span = text("span", content, { class: name || "", role: "gridcell", title }); cell.append(span); return span; };
    put(clock(row.first), "", row.first);
    put(row.symbol, "sym", row.test ? "a test issue of the exchange" : row.symbol);
    put(row.priority < 0 ? "–" : row.priority.toFixed(1), "r prio").setAttribute("data-level", level(row.priority));
    put(row.severity === null ? "–" : row.severity.toFixed(1), "r hide-narrow");
    const what = put("", "what", row.reason);
    what.append(text("b", row.mark || row.rule), document.createTextNode("  " + row.reason));
    put(row.flags > 1 ? "×" + row.flags : "1", "r hide-narrow");
    put(number(row.extreme), "r");
    put(bps === null ? "–" : (bps > 0 ? "▲" : bps < 0 ? "▼" : "") + Math.abs(bps).toFixed(bps > -100 && bps < 100 ? 1 : 0), "r", "basis points from the price before");
    const narrow = matchMedia("(max-width: 1180px)").matches;
    put(narrow ? SHORT[row.review] : SIGNS[row.review], "", row.by ? `${row.review} by ${row.by}` : "not decided");
    return cell;
  }

  showEmpty() {
    const empty = this.$("empty"), filtered = !["", "?order=newest"].includes(this.address(""));
    empty.hidden = this.order.length > 0;
    if (empty.hidden) return;
    empty.textContent = filtered ? EMPTY_STATES.filter + " " : EMPTY_STATES.none;
    if (filtered) { const clear = text("button", "Clear the filter"); clear.onclick = () => this.clear(); empty.append(clear); }
  }

  // The feed.
  listen() {
    const socket = this.socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/live/ws?symbol=" + encodeURIComponent(this.symbol));
    socket.binaryType = "arraybuffer";
    const decoder = new TextDecoder();
    socket.onopen = () => { this.wait = 500; this.lostAt = null; this.fresh = true; if (this.symbol) socket.send(this.symbol); };
    socket.onmessage = (event) => this.take(JSON.parse(decoder.decode(event.data)));
    socket.onclose = () => {
      this.lostAt = this.lostAt || new Date();
      this.showState();
      setTimeout(() => this.listen(), this.wait); this.wait = Math.min(this.wait * 2, 4000);
    };
  }

  take(frame) {
    this.facts = frame.facts; this.lastFrame = performance.now();
    const missed = this.fresh || frame.rows === null || frame.since > this.seq || frame.seq < this.seq;
    this.fresh = false; this.seq = frame.seq;
    if (missed) { this.query(); if (this.symbol) this.loadBars(); }
    else if (frame.rows.length) this.takeRows(frame.rows);
    if (frame.symbol === this.symbol && frame.bars.length) this.takeBars(frame.bars);
    this.showState();
  }

  takeRows(rows) {
    if (this.paused) { for (const row of rows) { if (!this.rows.has(row.id) && this.matches(row)) this.paused.add(row.id); } this.showPause(); rows = rows.filter((row) => this.rows.has(row.id)); }
    let chosen = false;
    for (const row of rows) {
      const known = this.rows.has(row.id);
      if (this.matches(row)) { this.count += known ? 0 : 1; this.rows.set(row.id, row); for (const rule of row.rules) this.rules.add(rule); }
      else if (known) { this.rows.delete(row.id); this.count--; }
      chosen ||= row.id === this.chosen;
    }
    this.showRules(); this.sort();
    if (chosen) this.refresh();
    if (!this.symbol && this.order.length) this.show(this.order[0].symbol);
    this.markers();
  }

  showState() {
    const f = this.facts, state = this.$("state");
    const stale = this.lastFrame && performance.now() - this.lastFrame > 3000;
    const name = this.lostAt || stale ? "disconnected" : f.state || "connecting";
    if (state.textContent !== name) state.textContent = name;
    state.dataset.state = name;
    this.page.classList.toggle("gone", name === "disconnected");
    this.$("rate").textContent = f.trades_per_s === undefined ? "–" : whole(f.trades_per_s);
    this.$("lag").textContent = f.lag === null || f.lag === undefined ? "–" : whole(f.lag) + (f.lag_s > 1 ? ` (${whole(f.lag_s)} s)` : "");
    this.$("permin").textContent = f.anomalies_per_min === undefined ? "–" : whole(f.anomalies_per_min);
    this.$("newest").textContent = f.newest ? (f.age_s > 86400 ? day(f.newest) + " " : "") + f.newest.slice(11, 19) : "no trade yet";
    let note = f.problem || "";
    if (this.lostAt) note = `The page's server does not answer. What is shown was seen until ${this.lostAt.toISOString().slice(11, 19)} UTC; it comes back by itself.`;
    else if (f.state === "disconnected") note = f.newest ? `The broker does not answer. What is shown was seen until ${new Date(Date.now() - f.quiet_s * 1000).toISOString().slice(11, 19)} UTC; it comes back by itself.` : "The broker does not answer. `tape broker start` or `docker compose up` starts one; Quix__Broker__Address says where it is.";
    else if (f.state === "idle" && !note) note = f.newest ? `Nothing new for ${whole(f.quiet_s)} s: before 4:00 and after 20:00 in New York the tape is silent.` : "Connected, and no trade has come yet: start a producer, or `tape demo`.";
    if (f.state === "idle" && this.start.replayed) note = f.problem || "The next trades of this day come in a moment.";
    if (!this.lostAt && f.state !== "disconnected" && this.troubles.size) note = [...this.troubles.values()].join(" ");
    const box = this.$("note"); box.hidden = !note; if (box.textContent !== note) box.textContent = note;
  }

  // Choosing and deciding.
  async open(kind, name, linked = true) {
    const found = await fetch(`/live/episode?${kind}=${encodeURIComponent(name)}`).catch(() => null);
    if (!found || found.status >= 500) { this.troubles.set("the episode", "Not loaded: the episode (the page's server does not answer). Choose it again."); this.showState(); return; }
    this.troubles.delete("the episode");
    if (!found.ok) {
      this.details = null; this.chosen = kind === "episode" ? name : null;
      const box = this.$("detail"); box.replaceChildren(text("p", "This episode is not kept any more, or was never here. Choose another one, or look in the store that the sink fills.", { class: "nothing" }));
      box.dataset.episodeId = ""; return;
    }
    const detail = await found.json();
    const same = this.chosen === detail.id;
    this.chosen = detail.id; this.details = detail;
    if (linked) history.replaceState(null, "", "?episode=" + encodeURIComponent(detail.id));
    this.draw(); this.showDetail(same);
    if (!same || !this.near) this.loadAround(detail.id);
    if (!same) await this.bring(detail); else this.markers();
  }
  refresh() { clearTimeout(this.due); this.due = setTimeout(() => this.chosen && this.open("episode", this.chosen), 200); }

  showDetail(keep) {
    const d = this.details, box = this.$("detail");
    const typed = keep ? { note: box.querySelector("textarea")?.value, reason: box.querySelector("select")?.value, tags: box.querySelector("input")?.value } : {};
    const active = keep && box.contains(box.getRootNode().activeElement) ? box.getRootNode().activeElement.id : "";
    const top = keep ? box.scrollTop : 0;
    if (!keep) { this.near = null; this.said = ""; }
    box.dataset.episodeId = d.id;
    const title = text("h2", d.symbol); title.append(text("span", `${day(d.first)} ${clock(d.first)} UTC`, { class: "dim" }));
    const facts = text("dl", null, { class: "facts" });
    const fact = (name, value, full) => { facts.append(text("dt", name), text("dd", value, full ? { class: "full" } : {})); };
    const bps = move(d);
    fact("Priority", d.priority < 0 ? "–" : d.priority.toFixed(2)); fact("Severity", d.severity === null ? "–" : `${d.severity.toFixed(1)} (1 in ${short(10 ** d.severity)})`);
    fact("Price", number(d.extreme)); fact("Before", number(d.before));
    fact("Move", bps === null ? "–" : `${bps > 0 ? "+" : ""}${bps.toFixed(1)} bps`); fact("After", number(d.after));
    fact("Flags", whole(d.flags)); fact("Shares", whole(d.shares));
    fact("Dollars", d.notional === null ? "–" : short(d.notional)); fact("Lasted", d.duration === null ? "–" : d.duration < 0.001 ? "one moment" : `${number(d.duration, 3)} s`);
    fact("Rules", d.rules.join(", "), true);
    if (d.mark) fact("Looks like", d.mark, true);
    if (d.context) fact("When", d.context, true);
    const first = d.trades[0];
    if (first && first.committed_ms) { const late = first.committed_ms - Number(BigInt(first.ns) / 1000000n); if (late >= 0 && late < 864e5) fact("Told after", `${number(late / 1000, 2)} s`, true); }
    box.replaceChildren(title, text("div", d.reason, { class: "reason", "data-testid": "reason" }), facts, this.decideBox(d, typed));
    const features = first ? first.features.filter((one) => one.share > 0.005) : [];
    if (features.length) {
      box.append(text("h3", "What was odd"));
      for (const one of features.slice(0, 6)) {
        const line = text("div", null, { class: "feature", title: `${one.value} ${one.unit}; median ${one.median}; 1 in 10,000 reaches ${one.one_in_10k}` });
        const meter = text("div", null, { class: "meter" }), bar = text("i", null); bar.style.width = Math.round(one.share * 100) + "%"; meter.append(bar);
        line.append(text("span", `${one.name}: ${Number(one.value).toPrecision(4)} ${one.unit}`), meter, text("span", Math.round(one.share * 100) + " %", { class: "r" }));
        box.append(line);
      }
    }
    box.append(text("h3", "The trades around it"));
    const near = text("div", null, { class: "near", id: "near", tabindex: "0", "aria-label": "The trades around it" }); box.append(near);
    if (this.near) this.showAround(); else near.append(text("span", "reading …", { class: "dim" }));
    const raw = text("details"); raw.append(text("summary", "The message as it lies on the topic"), text("pre", d.raw || "not kept")); box.append(raw);
    if (d.history.length) { const past = text("details"); past.append(text("summary", `Decisions (${d.history.length})`)); for (const one of d.history) past.append(text("div", `${one.at.slice(0, 19)} ${one.by}: ${one.state}${one.reason ? ", " + one.reason : ""}${one.note ? " – " + one.note : ""}${one.tags.length ? " [" + one.tags.join(", ") + "]" : ""}`)); box.append(past); }
    const links = text("div", null, { class: "links" }), copy = text("button", "Copy link");
    copy.onclick = () => { navigator.clipboard?.writeText(location.href); copy.textContent = "Copied"; };
    links.append(copy, text("a", "Case as HTML", { href: `/live/case?kind=html&episode=${encodeURIComponent(d.id)}`, download: "case.html" }), text("a", "as JSON", { href: `/live/case?kind=json&episode=${encodeURIComponent(d.id)}`, download: "case.json" }));
    box.append(links, text("p", first ? `detector ${first.detector.version}, settings ${first.detector.settings}` : "", { class: "dim" }));
    box.scrollTop = top;
    if (active) box.querySelector("#" + active)?.focus();
  }

  decideBox(d, typed) {
    const box = text("div", null), state = text("span", d.review === "open" ? "Nobody has decided yet." : `${d.review} by ${d.by}`, { "data-testid": "review-state", class: "pill" });
    box.append(text("h3", "Decision"), state);
    if (this.said) box.append(text("div", this.said, { class: "said", role: "alert" }));
    const reason = text("select", null, { id: "reason", "aria-label": "Reason" }); reason.append(text("option", "Reason …", { value: "" }));
    for (const one of this.start.reasons) reason.append(text("option", one, { value: one }));
    reason.value = typed.reason || "";
    const tags = text("input", null, { id: "tags", placeholder: "Tags, by commas", "aria-label": "Tags", maxlength: 300 }); tags.value = typed.tags || "";
    const note = text("textarea", null, { id: "notetext", placeholder: "Note", "aria-label": "Note", maxlength: 2000 }); note.value = typed.note || "";
    const words = text("div", null, { class: "decide" }); words.append(reason, tags, note);
    const buttons = text("div", null, { class: "decide" });
    for (const [label, verb, done] of [["Acknowledge", "acknowledge", "acknowledged"], ["Dismiss", "dismiss", "dismissed"], ["Escalate", "escalate", "escalated"]]) {
      const button = text("button", label, { "data-testid": "review-" + verb, "data-on": d.review === done, title: this.start.may_review ? `Key ${verb[0]}` : "You may look, but not decide." });
      button.disabled = !this.start.may_review; button.onclick = () => this.decide(done); buttons.append(button);
    }
    box.append(words, buttons);
    return box;
  }

  async decide(state) {
    const d = this.details, box = this.$("detail");
    if (!d || !this.start.may_review || this.deciding) return;
    let reason = box.querySelector("select").value;
    if (!reason && state !== "acknowledged") reason = state === "dismissed" ? "not anomalous" : "other";
    const body = { episode_id: d.id, state, reason, note: box.querySelector("textarea").value, tags: box.querySelector("#tags").value.split(",").map((one) => one.trim()).filter(Boolean), steps: d.steps };
    this.deciding = true;
    try {
      const answer = await fetch("/live/review", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      const found = await answer.json();
      if (answer.status === 409) this.said = `${found.review.by} was earlier: ${found.review.state}${found.review.reason ? ", " + found.review.reason : ""}. Decide again if you see it otherwise.`;
      else this.said = answer.ok ? "" : `Not kept: ${found.error}`;
      if (answer.ok) { box.querySelector("textarea").value = ""; box.querySelector("#tags").value = ""; box.querySelector("select").value = ""; }
    } catch { this.said = "Not kept: the page's server does not answer."; }
    this.deciding = false;
    if (this.chosen === d.id) await this.open("episode", d.id);
  }

  async loadAround(id) {
    const found = await fetch("/live/around?episode=" + encodeURIComponent(id)).catch(() => null);
    const answer = found ? await found.json() : { error: "the server does not answer" };
    if (this.chosen !== id) return;
    this.near = answer; this.showAround();
  }
  showAround() {
    const box = this.$("near"); if (!box) return;
    if (!this.near.trades) { box.replaceChildren(text("span", `They cannot be shown: ${this.near.error}.`, { class: "dim" })); return; }
    const table = text("table", null, { class: "around" }), head = text("tr");
    for (const [name, side] of [["Time", ""], ["Price", "r"], ["Size", "r"], ["Side", ""], ["Venue", "r"]]) head.append(text("th", name, { class: side }));
    table.append(head);
    let middle = null;
    this.near.trades.forEach((one, n) => {
      const line = text("tr", null, { "data-flagged": one.flagged, title: `${one.ns} ns, sequence ${one.sequence}` });
      line.append(text("td", one.ts.slice(11, 26)), text("td", number(one.price), { class: "r" }), text("td", whole(one.size), { class: "r" }), text("td", { A: "sell", B: "buy", N: "–" }[one.side] || "–"), text("td", one.publisher, { class: "r" }));
      table.append(line); if (n === this.near.at) middle = line;
    });
    box.replaceChildren(table);
    if (middle) box.scrollTop = middle.offsetTop - box.clientHeight / 2;
  }

  // The chart.
  async makeChart() {
    const lib = await import(globalThis.TAPEWATCH ? new URL(CHART, location.href) : new URL("/live/files/vendor/" + CHART, location.origin));
    this.lib = lib;
    const host = text("div"); this.$("chart").append(host);
    this.chart = lib.createChart(host, { autoSize: true, timeScale: { timeVisible: true, secondsVisible: true, rightOffset: 4, borderVisible: false }, rightPriceScale: { borderVisible: false, scaleMargins: { top: .12, bottom: .22 } }, layout: { attributionLogo: true }, crosshair: { mode: 0 } });
    this.upper = this.chart.addSeries(lib.LineSeries, { lineWidth: 1, lineStyle: 2, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false });
    this.lower = this.chart.addSeries(lib.LineSeries, { lineWidth: 1, lineStyle: 2, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false });
    this.candles = this.chart.addSeries(lib.CandlestickSeries, { priceLineVisible: false });
    this.volume = this.chart.addSeries(lib.HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: .84, bottom: 0 } });
    this.marks = lib.createSeriesMarkers(this.candles, []);
    this.chart.subscribeClick((event) => { if (event.time) this.pickAt(event.time); });
    this.chart.subscribeCrosshairMove((event) => this.tip(event));
    this.paint();
  }
  paint() {
    if (!this.chart) return;
    const style = getComputedStyle(this.page), color = (name) => style.getPropertyValue("--" + name).trim();
    this.chart.applyOptions({ layout: { background: { color: color("panel") }, textColor: color("dim"), attributionLogo: true }, grid: { vertLines: { color: color("raised") }, horzLines: { color: color("raised") } } });
    this.candles.applyOptions({ upColor: color("up"), wickUpColor: color("up"), borderUpColor: color("up"), downColor: color("panel"), wickDownColor: color("down"), borderDownColor: color("down") });
    for (const one of [this.upper, this.lower]) one.applyOptions({ color: color("cold") });
    this.volume.applyOptions({ color: color("line") });
    this.colors = { 1: color("accent"), 2: color("warm"), 3: color("hot") }; this.markers();
  }
  // The chart of a symbol: its last bars, or those around the second `at`.
  async show(symbol, at = null) {
    if (symbol === this.symbol && at === this.at) return;
    const other = symbol !== this.symbol;
    this.symbol = symbol; this.at = at; this.$("chartsymbol").textContent = symbol;
    if (other) { this.bars = new Map(); this.redraw(); if (this.socket?.readyState === 1) this.socket.send(symbol); }
    await this.loadBars();
    if (at === null) this.chart.timeScale().scrollToRealTime();
  }
  async loadBars() {
    const asked = this.askedBars = (this.askedBars || 0) + 1, query = new URLSearchParams({ symbol: this.symbol });
    if (this.length > 1) query.set("length", this.length); else if (this.at) query.set("at", this.at);
    const found = await this.ask("/live/bars?" + query, "the chart");
    if (!found || asked !== this.askedBars) return;
    this.bars = new Map(found.bars.map((bar) => [bar[0], bar]));
    this.redraw();
  }
  redraw() {
    const bars = this.shown = [...this.bars.values()].sort((a, b) => a[0] - b[0]).map(([time, open, high, low, close, volume, trades, flagged, lower, upper]) => ({ time, open, high, low, close, volume, trades, flagged, lower, upper }));
    this.candles.setData(bars); this.volume.setData(bars.map((bar) => ({ time: bar.time, value: bar.volume })));
    const band = (name) => bars.map((bar) => bar[name] === null ? { time: bar.time } : { time: bar.time, value: bar[name] });
    this.upper.setData(band("upper")); this.lower.setData(band("lower"));
    this.tellChart(); this.markers();
  }
  tellChart() {
    const bars = this.shown, past = this.at !== null && this.length === 1;
    this.$("golive").hidden = !past;
    const span = bars.length ? `${clock(new Date(bars[0].time * 1000).toISOString()).slice(0, 8)}–${clock(new Date(bars[bars.length - 1].time * 1000).toISOString()).slice(0, 8)}` : "";
    this.$("charttold").textContent = !bars.length ? (past ? `no bars are kept of ${clock(this.at).slice(0, 8)}` : "no bars yet (BARS=1s writes them)") : `${span}, ${whole(bars.reduce((sum, bar) => sum + bar.trades, 0))} trades${bars.some((bar) => bar.lower !== null) ? "; dashed: normal prices" : ""}`;
  }
  takeBars(bars) {
    if (this.length > 1) { this.dueBars ||= setTimeout(() => { this.dueBars = 0; this.loadBars(); }, MINUTES_EVERY_MS); return; }
    if (this.at !== null) return;
    let plain = true, last = this.shown?.length ? this.shown[this.shown.length - 1].time : -1;
    for (const bar of bars) { plain &&= bar[0] >= last; this.bars.set(bar[0], bar); }
    if (this.bars.size > SECONDS_MAX + 300) { for (const second of [...this.bars.keys()].sort((a, b) => a - b).slice(0, 300)) this.bars.delete(second); plain = false; }
    if (!plain || !this.shown?.length) { this.redraw(); return; }
    for (const [time, open, high, low, close, volume, trades, flagged, lower, upper] of bars) {
      const bar = { time, open, high, low, close, volume, trades, flagged, lower, upper };
      if (this.shown[this.shown.length - 1].time === time) this.shown[this.shown.length - 1] = bar; else this.shown.push(bar);
      this.candles.update(bar); this.volume.update({ time, value: volume });
      if (lower !== null) { this.lower.update({ time, value: lower }); this.upper.update({ time, value: upper }); }
    }
    this.tellChart(); this.markers();
  }
  // One marker a bar: its worst episode, and how many.
  markers() {
    if (!this.marks || !this.shown?.length) { this.marks?.setMarkers([]); return; }
    const first = this.shown[0].time, times = new Set(this.shown.map((bar) => bar.time)), by = new Map();
    for (const row of [...this.order, ...(this.details && !this.rows.has(this.details.id) ? [this.details] : [])]) {
      if (row.symbol !== this.symbol) continue;
      const began = second(row.first), time = began - began % this.length;
      if (time < first || !times.has(time)) continue;
      const old = by.get(time) || { worst: row, count: 0 }; old.count++; if (row.priority > old.worst.priority || row.id === this.chosen) old.worst = row; by.set(time, old);
    }
    this.marked = by;
    this.marks.setMarkers([...by].sort((a, b) => a[0] - b[0]).map(([time, { worst, count }]) => ({ time, position: (move(worst) || 0) < 0 ? "belowBar" : "aboveBar", shape: worst.id === this.chosen ? "square" : level(worst.priority) === 3 ? "arrowDown" : "circle", color: this.colors?.[level(worst.priority)] || "#888", text: count > 1 ? "×" + count : worst.id === this.chosen ? "here" : "" })));
  }
  pickAt(time) { const found = this.marked?.get(time); if (found) this.open("episode", found.worst.id); }
  tip(event) {
    const found = event.time && this.marked?.get(event.time); this.tipbox?.remove(); this.tipbox = null;
    if (!found || !event.point) return;
    this.tipbox = text("div", `${found.count > 1 ? "×" + found.count + ", worst: " : ""}${found.worst.reason}`, { class: "tip" });
    this.tipbox.style.left = Math.min(event.point.x + 14, this.$("chart").clientWidth - 310) + "px"; this.tipbox.style.top = event.point.y + 10 + "px";
    this.$("chart").append(this.tipbox);
  }
  // Bring the chart to an episode: in what it shows, else in the last bars, else in those of then.
  async bring(row) {
    if (row.symbol !== this.symbol) await this.show(row.symbol);
    if (this.length === 1 && !this.lookAt(row)) { if (this.at !== null) await this.show(row.symbol); if (!this.lookAt(row)) await this.show(row.symbol, row.first.slice(0, 19) + "Z"); }
    this.markers(); this.lookAt(row);
  }
  lookAt(row) {
    const began = second(row.first), time = began - began % this.length, at = (this.shown || []).findIndex((bar) => bar.time === time);
    if (at >= 0) this.chart.timeScale().setVisibleLogicalRange({ from: at - 70, to: at + 50 });
    return at >= 0;
  }
  goLive() { if (this.symbol) this.show(this.symbol); }
  async showOverview() {
    const found = await this.ask("/live/overview", "the overview"), box = this.$("overview");
    if (!found) return;
    const counts = this.recent(found.recent, found.budget), map = found.minutes;
    const minutes = [...new Set(Object.values(map).flatMap((one) => Object.keys(one)))].sort().slice(-60);
    const sum = (one) => minutes.reduce((total, minute) => total + (one[minute] || 0), 0);
    const symbols = Object.entries(map).map(([name, one]) => [name, one, sum(one)]).filter((one) => one[2]).sort((a, b) => b[2] - a[2]).slice(0, 40);
    if (!symbols.length) { box.replaceChildren(counts, text("p", "No episode yet, so there is nothing to count.", { class: "dim" })); return; }
    const most = Math.max(...symbols.flatMap(([, one]) => minutes.map((minute) => one[minute] || 0)));
    const table = text("table", null, { class: "map" });
    table.append(text("caption", `Episodes by symbol and minute, ${minutes[0].replace("T", " ")} to ${minutes[minutes.length - 1].slice(11)} UTC (minutes with any). A click shows those episodes.`));
    for (const [symbol, one, total] of symbols) {
      const line = text("tr"), head = text("th", `${symbol} ${total}`, { scope: "row" }); line.append(head);
      for (const minute of minutes) {
        const count = one[minute] || 0, cell = text("td", null, { title: `${symbol} ${minute.slice(11)}: ${count}` });
        if (count) { const button = text("button", count > 1 ? count : "·", { "aria-label": `${symbol} ${minute.slice(11)}: ${count} episodes` }); button.style.background = `color-mix(in srgb, var(--warm) ${25 + Math.round(75 * count / most)}%, var(--raised))`; button.onclick = () => { this.only({ symbols: symbol, time: minute.replace("T", " ") }); this.show(symbol); }; cell.append(button); }
        line.append(cell);
      }
      table.append(line);
    }
    box.replaceChildren(table, counts);
  }
  // What was flagged in the last five minutes of the tape, against the budget.
  recent(found, budget) {
    const table = text("table", null, { class: "recent", "data-testid": "recent" }), head = text("tr");
    if (!found.until) return table;
    table.append(text("caption", `Flagged in the five minutes to ${found.until.slice(11, 16)} UTC, by symbol${budget ? `; the budget is ${budget} per 10,000 trades` : ""}.`));
    for (const name of ["Symbol", "Trades", "Flagged", "Per 10,000", "Episodes by rule"]) head.append(text("th", name, { scope: "col" }));
    table.append(head);
    for (const one of [...found.symbols].sort((a, b) => b.flagged - a.flagged || b.trades - a.trades).slice(0, 40)) {
      const line = text("tr"), share = one.trades ? one.flagged / one.trades * 1e4 : 0, over = budget && share > budget;
      line.append(text("th", one.symbol, { scope: "row" }), text("td", whole(one.trades)), text("td", whole(one.flagged)), text("td", `${over ? "▲ " : ""}${share.toFixed(1)}`, over ? { class: "over", title: "above the budget" } : {}), text("td", Object.entries(one.rules).map(([rule, count]) => `${rule} ${count}`).join(", ") || "–"));
      table.append(line);
    }
    return table;
  }

  // Controls.
  set(name, value) { if (this.filter[name] === value) return; this.filter[name] = value; this.query(); }
  only(wanted) { Object.assign(this.filter, FILTER, { order: this.filter.order }, wanted); this.showFilter(); this.query(); }
  clear() { localStorage.removeItem("tapewatch-symbols"); this.only({}); }
  showFilter() {
    for (const [id, name] of [["search", "text"], ["watchlist", "symbols"], ["time", "time"], ["review", "review"], ["severity", "severity"]]) this.$(id).value = this.filter[name];
    if (this.filter.rule) { this.rules.add(this.filter.rule); this.showRules(); }
    this.$("rule").value = this.filter.rule; this.$("time").removeAttribute("aria-invalid");
    this.$("worst").setAttribute("aria-pressed", this.filter.order === "worst"); this.$("newestfirst").setAttribute("aria-pressed", this.filter.order === "newest");
  }
  setTime(value) { const good = TIME.test(value.trim()); this.$("time").setAttribute("aria-invalid", !good); if (good) this.set("time", value.trim()); }
  showRules() { const select = this.$("rule"); if (select.options.length - 1 === this.rules.size) return; const value = select.value; select.replaceChildren(text("option", "Any rule", { value: "" }), ...[...this.rules].sort().map((one) => text("option", one, { value: one }))); select.value = value; }
  setOrder(order) { this.set("order", order); this.showFilter(); }
  pause() { if (this.paused) { this.paused = null; this.query(); } else this.paused = new Set(); this.showPause(); }
  showPause() { const button = this.$("pause"); button.setAttribute("aria-pressed", !!this.paused); button.textContent = this.paused ? `Resume (${this.paused.size})` : "Pause"; }
  useTheme(theme) { this.page.dataset.theme = theme; localStorage.setItem("tapewatch-theme", theme); this.paint(); }
  step(by) {
    if (!this.order.length) return;
    const at = this.order.findIndex((row) => row.id === this.chosen), next = Math.max(0, Math.min(this.order.length - 1, at < 0 ? 0 : at + by));
    const table = this.$("table"), y = next * ROW_PX;
    if (y < table.scrollTop) table.scrollTop = y; else if (y + ROW_PX > table.scrollTop + table.clientHeight) table.scrollTop = y + ROW_PX - table.clientHeight;
    this.open("episode", this.order[next].id);
  }
  setLength(id, length) {
    for (const one of ["bar1s", "bar1m", "bardays"]) this.$(one).setAttribute("aria-selected", one === id);
    this.$("chart").hidden = length === 0; this.$("overview").hidden = length !== 0;
    if (length === 0) { this.showOverview(); return; }
    this.length = length; const row = this.details;
    this.loadBars().then(() => { if (!(row && row.symbol === this.symbol && this.lookAt(row))) this.chart.timeScale().scrollToRealTime(); });
  }
  wire() {
    const $ = this.$;
    let due;
    // Read at once: outside the shadow root, so after the event, its target is another element.
    $("search").oninput = (event) => { const { value } = event.target; clearTimeout(due); due = setTimeout(() => this.set("text", value), 150); };
    this.filter.symbols = localStorage.getItem("tapewatch-symbols") || "";
    for (const [name, value] of new URLSearchParams(location.search)) if (name in FILTER) this.filter[name] = value.slice(0, 2000);
    this.showFilter();
    $("time").onchange = (event) => this.setTime(event.target.value);
    $("golive").onclick = () => this.goLive();
    $("watchlist").onchange = (event) => { const value = event.target.value.replace(/\s+/g, "").toUpperCase(); event.target.value = value; localStorage.setItem("tapewatch-symbols", value); this.set("symbols", value); };
    $("review").onchange = (event) => this.set("review", event.target.value);
    $("severity").onchange = (event) => this.set("severity", event.target.value);
    $("rule").onchange = (event) => this.set("rule", event.target.value);
    $("worst").onclick = () => this.setOrder("worst"); $("newestfirst").onclick = () => this.setOrder("newest");
    $("pause").onclick = () => this.pause(); $("theme").onclick = () => this.useTheme(this.page.dataset.theme === "dark" ? "light" : "dark"); $("keys").onclick = () => this.help();
    $("bar1s").onclick = () => this.setLength("bar1s", 1); $("bar1m").onclick = () => this.setLength("bar1m", 60); $("bardays").onclick = () => this.setLength("bardays", 0);
    $("table").onscroll = () => this.draw();
    $("table").onclick = (event) => { const cell = event.target.closest(".cell"); if (cell) this.open("episode", cell.dataset.episodeId); };
    new ResizeObserver(() => { this.drawn.forEach((made) => made.cell.remove()); this.drawn.clear(); this.draw(); }).observe($("table"));
    document.addEventListener("keydown", (event) => this.key(event));
  }
  help() { const box = this.$("help"), table = text("table"); for (const [key, what] of KEYS) { const line = text("tr"), cell = text("td"); cell.append(text("kbd", key)); line.append(cell, text("td", what)); table.append(line); } const close = text("button", "Close"); close.onclick = () => box.close(); box.replaceChildren(table, close); box.showModal(); }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.composedPath()[0], typing = /^(INPUT|TEXTAREA|SELECT)$/.test(at?.tagName || "");
    if (event.key === "Escape") { if (typing) { at.blur(); this.$("table").focus(); } return; }
    if (typing) { if (event.key === "Enter" && at.id === "search") { at.blur(); this.$("table").focus(); } return; }
    const act = { "/": () => { this.$("search").focus(); this.$("search").select(); }, j: () => this.step(1), k: () => this.step(-1), ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1), a: () => this.decide("acknowledged"), d: () => this.decide("dismissed"), e: () => this.decide("escalated"), n: () => this.setOrder(this.filter.order === "newest" ? "worst" : "newest"), c: () => this.clear(), l: () => this.goLive(), "?": () => this.help() };
    if (at?.tagName !== "BUTTON" && at?.tagName !== "A") { act[" "] = () => this.pause(); act.Enter = () => this.chosen ? this.$("detail").focus() : this.step(0); }
    if (act[event.key]) { event.preventDefault(); act[event.key](); }
  }
}
