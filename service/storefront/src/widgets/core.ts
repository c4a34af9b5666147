/** What the second script was given by kabin.js. */
import type { Core } from "../widget_script";

export let core: Core;

export const connect = (given: Core): void => {
  core = given;
};
