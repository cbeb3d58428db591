// The recorder's part in a page. It is injected only while something is being recorded.
import { answer, listen } from "./messages";

answer("alive", async () => ({ url: location.origin }));
listen();
