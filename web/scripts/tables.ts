// Tables on narrow screens: what is wider scrolls, and the keyboard has to reach it to do so; rows of
// a stacked table are cards, whose cells say themselves what column they are of.
const SCROLLERS = ".table, .text pre";
const watcher = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target as HTMLElement)));

function mark(area: HTMLElement): void {
  if (area.scrollWidth > area.clientWidth) area.tabIndex = 0;
  else area.removeAttribute("tabindex");
}

function label(table: HTMLTableElement): void {
  const columns = [...(table.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.textContent ?? "");
  for (const row of table.tBodies[0]?.rows ?? []) {
    for (const cell of row.cells) cell.dataset.label = columns[cell.cellIndex];
  }
}

/** Let tables be focused for as long as they do not fit, and name the cells of stacked ones. */
export function watchTables(root: ParentNode): void {
  for (const area of root.querySelectorAll(SCROLLERS)) watcher.observe(area);
  for (const table of root.querySelectorAll<HTMLTableElement>(".stacked > table")) label(table);
}
