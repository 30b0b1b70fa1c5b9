// The style and the script of a report's page.
#pragma once

namespace linalgd {

inline constexpr const char *kReportStyle = R"css(
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --ink: #1c2430; --faint: #667084; --line: #e2e6ec; --bar: #c9d8f5;
  --good: #11734b; --good-back: #e3f5ec; --bad: #a8201a; --bad-back: #fdeceb; --accent: #2456c4; }
@media (prefers-color-scheme: dark) { :root {
  --page: #12161c; --card: #1b212a; --ink: #e4e8ee; --faint: #98a2b3; --line: #2d3542; --bar: #2b4270;
  --good: #6fd3a5; --good-back: #14322a; --bad: #ff9d96; --bad-back: #3b1d1e; --accent: #8fb0ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0 0 12px; }
h3 { font-size: 15px; margin: 0; }
section, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
section { padding: 18px 20px; margin-top: 18px; overflow-x: auto; }
.verdict { border-radius: 10px; padding: 14px 18px; margin: 16px 0; font-weight: 600; }
.good { color: var(--good); background: var(--good-back); }
.bad { color: var(--bad); background: var(--bad-back); }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; }
.tile { flex: 1 1 140px; padding: 12px 16px; } .tile b { display: block; font-size: 22px; font-weight: 600; }
.faint, .tile span, th { color: var(--faint); }
.columns { display: flex; flex-wrap: wrap; gap: 0 28px; }
.columns > div { flex: 1 1 320px; min-width: 0; }
table { border-collapse: collapse; width: 100%; margin: 6px 0 10px; }
th { text-align: left; font-weight: 500; font-size: 13px; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, td.code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
.bar { background: linear-gradient(to right, var(--bar) var(--part), transparent var(--part));
  border-radius: 3px; padding: 0 5px; margin-left: -5px; display: block; }
.tag { font-size: 12px; border: 1px solid var(--line); border-radius: 20px; padding: 0 8px;
  color: var(--faint); white-space: nowrap; }
.tag.unsupported { color: var(--bad); background: var(--bad-back); border-color: transparent; }
.op { border-top: 1px solid var(--line); padding: 12px 0; } .op:first-of-type { border: 0; }
.op p { margin: 4px 0; } details > summary { cursor: pointer; color: var(--accent); }
input, select { font: inherit; color: inherit; background: var(--page); padding: 5px 10px;
  border: 1px solid var(--line); border-radius: 7px; } input { width: min(420px, 100%); }
.nodes { max-height: 70vh; overflow: auto; margin-top: 10px; }
.nodes th { position: sticky; top: 0; background: var(--card); }
tr[hidden] { display: none; }
@media print { .nodes { max-height: none; } body { background: #fff; } }
)css";

// The filter over the nodes.
inline constexpr const char *kReportScript = R"js(
const query = document.getElementById("query"), fate = document.getElementById("fate");
const shown = document.getElementById("shown"), rows = [...document.querySelectorAll("#nodes tr")];
const texts = rows.map(row => row.textContent.toLowerCase());
function filter() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  rows.forEach((row, i) => {
    row.hidden = (fate.value && row.dataset.how !== fate.value) ||
      !words.every(word => texts[i].includes(word));
    count += !row.hidden;
  });
  shown.textContent = `${count} of ${rows.length}`;
}
query.addEventListener("input", filter);
fate.addEventListener("change", filter);
filter();
)js";

} // namespace linalgd
