/** Decisions: the default one, and whether an answer is one at all. */
import type { KabinDecision } from "./kabin";

/** The decision that changes nothing; `variant` is the homepage that the page shows by itself. */
export const defaultDecision = (variant = "full_price"): KabinDecision => ({
  decision_id: null,
  visitor_id: null,
  size: {
    action: "none",
    size: null,
    size_system: null,
    sku: null,
    confidence: 0,
    reason: { code: "default", times: 0, of: 0 },
  },
  slots: { homepage: { variant: variant as "full_price", reason: "default" } },
  discount_affinity: { level: "medium", index: 1, evidence: 0 },
  recommendations: [],
  experiments: [],
  features: {},
  events: { accepted: 0, duplicate: 0, ignored: 0, rejected: [], retry: true },
  model_version: null,
  degraded: true,
});

/**
 * Whether `answer` has every field of `example`, of the same type; where the example is null, of any.
 * Throws where an object is missing.
 */
export const conforms = (answer: any, example: any): boolean =>
  example === null ||
  (typeof answer === typeof example &&
    (typeof example !== "object" ||
      (!answer.map === !example.map && Object.keys(example).every((name) => conforms(answer[name], example[name])))));
