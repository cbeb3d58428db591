// Replays recordings of the Chrome DevTools Recorder with @puppeteer/replay. Reads a JSON list of
// {url, recording} from stdin, CHROMIUM_PATH from the environment; prints what each page tells.
import { createRunner, parse, PuppeteerRunnerExtension } from "@puppeteer/replay";
import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";

const { jobs, timeout } = JSON.parse(readFileSync(0, "utf8"));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM_PATH,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu"],
});
const results = [];
for (const { url, recording } of jobs) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  await page.goto(url);
  let error = "";
  try {
    const runner = await createRunner(parse(recording), new PuppeteerRunnerExtension(browser, page, { timeout }));
    await runner.run();
  } catch (problem) {
    error = String(problem).split("\n")[0];
  }
  results.push({ ...(await page.evaluate("window.state()")), error });
  await page.close();
}
await browser.close();
console.log(JSON.stringify(results));
