// A page without a server: what `tape page --export` wrote answers in place of one.
import mount, { isWanted } from "./live.js";

const kept = globalThis.TAPEWATCH;
const answer = (body, status = 200) => new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
const nothing = { error: "this is a page of a day that is over" };

// As the server's: minutes, the last seconds, or those around one.
function barsOf(query) {
  const symbol = query.get("symbol"), at = Date.parse(query.get("at")) / 1000;
  if (query.get("length")) return kept.minutes[symbol] || [];
  const bars = kept.bars[symbol] || [];
  return at ? bars.filter((bar) => Math.abs(bar[0] - at) <= kept.each_s) : bars.slice(-900);
}

globalThis.fetch = async (address) => {
  const url = new URL(address, location.href), query = url.searchParams, path = url.pathname;
  const name = query.get("episode") || kept.trades[query.get("id")];
  if (path.endsWith("/live/start")) return answer(kept.start);
  if (path.endsWith("/live/overview")) return answer(kept.overview);
  if (path.endsWith("/live/bars")) return answer({ bars: barsOf(query) });
  if (path.endsWith("/live/episode")) return kept.details[name] ? answer(kept.details[name]) : answer(nothing, 404);
  if (path.endsWith("/live/around")) return kept.around[name] ? answer(kept.around[name]) : answer(nothing, 404);
  if (path.endsWith("/live/episodes")) {
    const filter = { text: "", symbols: "", rule: "", severity: "0", review: "all", time: "", ...Object.fromEntries(query) };
    const rows = Object.values(kept.details).filter((row) => isWanted(filter, row));
    return answer({ seq: 0, rows, count: rows.length });
  }
  return answer(nothing, 404);
};
globalThis.WebSocket = class { // one frame, and then silence: the day is over
  readyState = 1;
  constructor() {
    const say = () => this.onmessage({ data: new TextEncoder().encode(JSON.stringify({ since: 0, seq: 0, facts: kept.start.facts, rows: [], symbol: "", bars: [] })) });
    setTimeout(() => { this.onopen(); say(); setInterval(say, 1000); }, 0);
  }
  send() {}
};
document.querySelector("#served").remove();
const root = document.querySelector("#root").attachShadow({ mode: "open" });
for (const part of [document.querySelector("#style"), document.querySelector("#body")]) root.append(part.content.cloneNode(true));
mount({ parentElement: root });
