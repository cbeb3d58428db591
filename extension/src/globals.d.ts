/** Set by build.mjs: the service that a fresh install offers to pair with. */
declare const SERVICE_URL: string;

declare module "words:*" {
  /** Lower case words with spaces between. */
  const words: string;
  export default words;
}

declare module "list:blocked" {
  /** Category by domain. */
  const domains: Record<string, string>;
  export default domains;
}
