// The page of `report --watch` loads itself again; the reader's place, filters, sorting and open parts stay.
// They are kept in the browser's history entry, which a reload keeps: nothing is stored or requested elsewhere.
const kept = history.state && history.state.fields ? history.state : null;
const QUIET = 3000; // milliseconds after a key or a scroll in which the page does not change
let touched = 0;
if (kept || data.live) history.scrollRestoration = "manual";

const fields = () => [...byId("filters").elements].filter((field) => field.id);
const openers = () => [...document.querySelectorAll("#table button.open")];
const parts = () => [...document.querySelectorAll("details")].map((part) => [part.closest("figure")?.id ?? part.textContent.slice(0, 80), part]);

// What the reader looks at: the last heading or chart above the middle of the window, and how far it is from the top.
function place() {
  const visible = [...document.querySelectorAll("h2[id], figure[id]")].filter((mark) => mark.getClientRects().length); // hidden ones have the top 0
  const marks = visible.map((mark) => [mark.id, mark.getBoundingClientRect().top]);
  return marks.filter(([, top]) => top < innerHeight / 2).sort((a, b) => a[1] - b[1]).at(-1) ?? null;
}

function keep() {
  history.replaceState({
    fields: fields().map((field) => [field.id, field.value, field.checked]), order, shown,
    rows: openers().filter((opener) => opener.getAttribute("aria-expanded") === "true").map((opener) => opener.dataset.key),
    parts: parts().filter(([, part]) => part.open).map(([name]) => name),
    problem: byId("h-problem").value, focused: document.activeElement?.id ?? "", place: place(), y: scrollY,
  }, "");
}

// Before the table is drawn.
function restoreFilters() {
  if (!kept) return;
  for (const [id, value, checked] of kept.fields) Object.assign(byId(id), { value, checked });
  if (kept.order && kept.order[0] < COLUMNS.length) order = kept.order;
  shown = kept.shown;
}

// After everything is drawn.
async function restorePlace() {
  if (!kept) return;
  for (const opener of openers()) if (kept.rows.includes(opener.dataset.key)) opener.click();
  for (const [name, part] of parts()) part.open = kept.parts.includes(name);
  await new Promise((done) => setTimeout(done)); // the tables of opened parts are made by their events
  const problem = byId("h-problem");
  if ([...problem.options].some((choice) => choice.value === kept.problem)) {
    problem.value = kept.problem;
    showHistory();
  }
  if (kept.focused && byId(kept.focused)) byId(kept.focused).focus({ preventScroll: true });
  const mark = kept.place && byId(kept.place[0]);
  const top = mark ? scrollY + mark.getBoundingClientRect().top - kept.place[1] : kept.y;
  scrollTo({ top, behavior: "instant" });
}

function stayLive() {
  if (!data.live) return;
  byId("state").append(element("span", { id: "live" }, ` · written at ${data.live.written}, loaded again every ${data.live.every} s`));
  for (const kind of ["keydown", "scroll", "pointerdown", "input"]) addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  setInterval(() => {
    if (document.hidden || !getSelection().isCollapsed || Date.now() - touched < QUIET) return;
    keep();
    location.reload();
  }, data.live.every * 1000);
}
