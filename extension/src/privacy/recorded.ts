// How a page is told where that may leave the machine.
import type { ObserveOptions } from "../page/observe";
import { pageOf } from "./address";
import { redact, redactToken } from "./redact";
import { isPrivate } from "./sensitive";

export const RECORDED = {
  redact,
  redactToken,
  pageOf: (document) => pageOf(document.URL, document.title),
  isPrivate: (element) => isPrivate(element as HTMLElement),
} satisfies ObserveOptions;
