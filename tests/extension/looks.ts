// For the tests: looks in turns, each beside one that starts from nothing; and paths of the pointer.
import { Changes } from "../../extension/src/capture/changes";
import { PointerPath } from "../../extension/src/capture/pointer";
import { observe, type Kept } from "../../extension/src/page/observe";

const changes = new Changes();
const options = { subtree: true, childList: true, attributes: true, characterData: true };
let kept: Kept | null = null;
const observer = new MutationObserver((records) => changes.take(records));
observer.observe(document, options);
changes.start();

/** A look that repeats what cannot have changed, one of everything, and how many were repeated. */
function look() {
  changes.take(observer.takeRecords());
  const earlier = changes.since(kept);
  const before = new Set(kept?.elements);
  const seen = observe({ earlier });
  const whole = observe();
  kept = seen.kept;
  changes.looked(!earlier);
  return {
    told: JSON.stringify([seen.observation, seen.texts]),
    whole: JSON.stringify([whole.observation, whole.texts]),
    sameNodes: seen.nodes.every((node, index) => !("localName" in node) || node === whole.nodes[index]),
    ends: seen.kept.ends.every((end, index) => end > index && end <= seen.nodes.length),
    repeated: seen.observation.elements.filter((element) => before.has(element)).length,
  };
}

/** When samples were taken of a pointer that moved at these times. */
function sampled(times: number[]): number[] {
  const path = new PointerPath();
  for (const time of times) path.move(new PointerEvent("pointermove"), time);
  return path.take().map(([time]) => time);
}

Object.assign(window, { look, sampled });
