/** What the shop set on the script's own element. */
import { get } from "./elements";

const script = (document.currentScript || document.documentElement) as HTMLScriptElement;

/** Where this script came from. */
export const source = new URL(script.src, location as any);
/** Where the service is: an origin, without a slash at the end. */
export const endpoint = get(script, "endpoint") || source.origin;
/** Another origin's cookies may be blocked, so there the visitor's token travels in the body as well. */
export const isForeign = endpoint !== location.origin;
/** How long a decision is waited for. */
export const timeoutMs = +(get(script, "timeout-ms") || 300);
/** Name of the GA4 array. */
export const dataLayerName = get(script, "datalayer") || "dataLayer";
export const needsConsent = get(script, "consent") === "required";
