// The discussion of proposals and drafts, and how Markdown will look.
import { api } from "./api";
import { attribute, enable, value, type Run } from "./forms";

/** Say something about the proposal or draft of the page. */
export async function comment(run: Run): Promise<void> {
  const { proposal, draft } = run.form.dataset;
  const about = draft === undefined ? { proposal } : { draft };
  await api("POST", "comments", { ...about, body: value(run, "body") });
  location.reload();
}

/** Change one's own comment. */
export async function editComment(run: Run): Promise<void> {
  await api("PUT", `comments/${attribute(run.form, "comment")}`, { body: value(run, "body") });
  location.reload();
}

/** Empty one's own comment; that there was one stays visible. */
export async function deleteComment(run: Run): Promise<void> {
  await api("DELETE", `comments/${attribute(run.form, "comment")}`);
  location.reload();
}

/** Show a form's Markdown as the server will show it: sanitised there, as HTML. */
export async function preview(run: Run): Promise<void> {
  const text = value(run, "body") || value(run, "statement");
  const { html } = await api<{ html: string }>("POST", "markdown", { text });
  const area = run.form.querySelector<HTMLElement>(".preview");
  if (area) area.innerHTML = html;
  enable(run.form);
}
