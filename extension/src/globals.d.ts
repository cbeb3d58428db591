/** Set by build.mjs: the service that a fresh install offers to pair with. */
declare const SERVICE_URL: string;
