// Pages as people see them: through open and closed shadow roots and frames of the same origin.

// Elements other than custom ones that the standard lets have a shadow root.
const HOSTS = new Set(
  "article aside blockquote body div footer h1 h2 h3 h4 h5 h6 header main nav p section span".split(" "),
);

type Open = ((element: HTMLElement) => ShadowRoot | null) | undefined;

/** The shadow root of an element; closed ones too where the browser tells extensions. */
export function shadowOf(element: Element): ShadowRoot | null {
  if (element.shadowRoot) return element.shadowRoot;
  const name = element.localName;
  if (!(name.includes("-") || HOSTS.has(name)) || !(element instanceof elementClass(element))) return null;
  const open = (globalThis as { chrome?: { dom?: { openOrClosedShadowRoot?: Open } } }).chrome?.dom?.openOrClosedShadowRoot;
  return open?.(element) ?? null;
}

function elementClass(element: Element): typeof HTMLElement {
  return (element.ownerDocument.defaultView as (Window & typeof globalThis) | null)?.HTMLElement ?? HTMLElement;
}

/** The document in a frame of the same origin. */
export function frameDocument(element: Element): Document | null {
  if (!isFrame(element)) return null;
  try {
    return (element as HTMLIFrameElement).contentDocument ?? null;
  } catch {
    return null;
  }
}

export function isFrame(element: Element): boolean {
  return element.localName === "iframe" || element.localName === "frame";
}

/** The innermost element of an event, below the shadow roots the event hides. */
export function deepTarget(event: Event): Element | null {
  const first = event.composedPath()[0];
  let element = first instanceof Node ? (first as Element) : (event.target as Element | null);
  if (element && element.nodeType !== Node.ELEMENT_NODE) element = element.parentElement;
  if (!element) return null;
  return event instanceof MouseEvent || "clientX" in event
    ? deepAt(element, event as MouseEvent)
    : deepActive(element);
}

function deepAt(element: Element, { clientX, clientY }: MouseEvent): Element {
  for (let root = shadowOf(element); root; root = shadowOf(element)) {
    const inside = root.elementFromPoint(clientX, clientY);
    if (!inside || inside === element || inside.getRootNode() !== root) break;
    element = inside;
  }
  return element;
}

/** The element that has the keyboard below `element`. */
export function deepActive(element: Element): Element {
  for (let root = shadowOf(element); root?.activeElement; root = shadowOf(element)) {
    element = root.activeElement;
  }
  return element;
}

/** The element that has the keyboard, below shadow roots and in frames; null when it is the page. */
export function focusIn(document: Document): Element | null {
  const active = document.activeElement;
  if (!active || active === document.body || active === document.documentElement) return null;
  const inner = frameDocument(active);
  return (inner && focusIn(inner)) ?? deepActive(active);
}

/** The parent in what is rendered: hosts above shadow roots, frames above their documents. */
export function renderedParent(node: Node): Element | null {
  const parent = node.parentNode;
  if (parent instanceof Element) return parent;
  if (parent && "host" in parent) return (parent as ShadowRoot).host;
  if (parent?.nodeType === Node.DOCUMENT_NODE) {
    try {
      return (parent as Document).defaultView?.frameElement ?? null;
    } catch {
      return null;
    }
  }
  return (parent as Element | null) ?? null;
}

/** An element with everything around it, outwards. */
export function pathOf(element: Element | null): Set<Element> {
  const path = new Set<Element>();
  for (let each = element; each && !path.has(each); each = renderedParent(each)) path.add(each);
  return path;
}

export interface Offset {
  x: number;
  y: number;
}

/** Where a window's viewport stands in the coordinates of the outermost document. */
export function viewportOffset(view: Window): Offset {
  const own = { x: view.scrollX, y: view.scrollY };
  let frame: Element | null = null;
  try {
    frame = view.frameElement;
  } catch {
    return own;
  }
  const outer = frame?.ownerDocument.defaultView;
  if (!frame || !outer) return own;
  const box = frame.getBoundingClientRect();
  const around = viewportOffset(outer);
  // Scrolling inside a frame moves its content, not the frame.
  return {
    x: around.x + box.left + frame.clientLeft + own.x,
    y: around.y + box.top + frame.clientTop + own.y,
  };
}
