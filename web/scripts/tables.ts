// What is wider than the screen scrolls; the keyboard has to reach it to do so.
const SCROLLERS = ".table, .text pre";
const watcher = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target as HTMLElement)));

function mark(area: HTMLElement): void {
  if (area.scrollWidth > area.clientWidth) area.tabIndex = 0;
  else area.removeAttribute("tabindex");
}

/** Let tables be focused for as long as they do not fit. */
export function watchTables(root: ParentNode): void {
  for (const area of root.querySelectorAll(SCROLLERS)) watcher.observe(area);
}
