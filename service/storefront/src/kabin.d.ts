/** Types of kabin.js: what a page asks, what it is told, and what it can listen to. */

/** The page that asks. */
export interface KabinPage {
  type?: "home" | "category" | "product" | "search" | "cart" | "checkout" | "order" | "other";
  /** An item of the feed: its `item_group_id`, or `id` where it has none. */
  item_id?: string;
  /** The SKU on show; decides in which colour a size is looked for. */
  sku?: string;
  /** A `product_type` of the feed, or its start. */
  category?: string;
}

export interface KabinRequest {
  /** Left out, it is the page that `data-kabin-page` or the GA4 data layer tells of. */
  page?: KabinPage;
  /** Most recommendations, 0 to 100. */
  limit?: number;
  /** Forced answers for quality assurance, experiments' variations by their index; never an exposure. */
  preview?: { homepage?: "promo" | "full_price"; experiments?: { [experiment_id: string]: number } };
  /** What the page knows of the visitor, for the conditions of experiments. */
  attributes?: { [name: string]: string | number | boolean | null };
}

export interface KabinSize {
  /** `none` with a size: an experiment withholds it, with the reason `experiment`. */
  action: "preselect" | "hint" | "none";
  size: string | null;
  size_system: string | null;
  sku: string | null;
  /** The calibrated probability that the size is right, 0 to 1. */
  confidence: number;
  /** `times` of the `of` items that the visitor chose a size of speak for it. */
  reason: { code: string; times: number; of: number };
}

export interface KabinRecommendation {
  item_id: string;
  /** Compares within one source. */
  score: number;
  source: "als" | "covisit" | "popular" | "newest" | "on_sale";
  in_your_size: boolean;
  /** Prices are in units of `currency`; the sale price is null unless it holds now. */
  item: {
    title: string;
    link: string;
    image_link: string | null;
    price: number;
    sale_price: number | null;
    currency: string;
  };
}

/** What became of the events that a page sent. */
export interface KabinReceipt {
  accepted: number;
  duplicate: number;
  ignored: number;
  rejected: { pointer: string; detail: string }[];
  /** The events could not be kept; kabin.js sends them again. */
  retry: boolean;
}

export interface KabinExperiment {
  experiment_id: string;
  variation_id: number;
  variation: string;
  /** The feature that it varies, and that feature's value for this visitor. */
  feature_id: string | null;
  value: unknown;
  /** What is reported as seen in `decision_shown`; null where any slot shows it. */
  slot: string | null;
}

export interface KabinDecision {
  /** Null in the default decision, which stands when no answer came in time. */
  decision_id: string | null;
  /** Null where nothing may be stored. */
  visitor_id: string | null;
  size: KabinSize;
  slots: {
    homepage: {
      variant: "promo" | "full_price";
      reason: "discount_affinity" | "experiment" | "default" | "preview";
    };
  };
  discount_affinity: { level: "high" | "medium" | "low"; index: number; evidence: number };
  recommendations: KabinRecommendation[];
  experiments: KabinExperiment[];
  /** Values of the shop's own features. */
  features: { [name: string]: unknown };
  events: KabinReceipt;
  model_version: string | null;
  /** Decided without the visitor's history, or by default. */
  degraded: boolean;
  /** The answer came after the promise had settled with the default decision. */
  late?: true;
}

/** GA4 ecommerce events, and five of Kabin's own. */
export type KabinEventName =
  | "view_item"
  | "select_item"
  | "add_to_cart"
  | "remove_from_cart"
  | "view_cart"
  | "begin_checkout"
  | "purchase"
  | "refund"
  | "view_item_list"
  | "view_promotion"
  | "select_promotion"
  | "select_size"
  | "deselect_size"
  | "sort_items"
  | "fit_feedback"
  | "decision_shown";

/** One entry of a GA4 `items` array. */
export interface KabinItem {
  /** An item or a SKU of the feed. */
  item_id: string | number;
  /** A SKU of the item. */
  item_variant?: string;
  size?: string;
  /** What one unit costs now. */
  price?: number | string;
  /** What was taken off one unit. */
  discount?: number | string;
  quantity?: number | string;
  coupon?: string;
}

export interface KabinEventParams {
  items?: KabinItem[];
  /** ISO 4217. */
  currency?: string;
  /** Of `purchase` and `refund`, which need it. */
  transaction_id?: string | number;
  coupon?: string;
  promotion_id?: string;
  decision_id?: string;
  /** Of `decision_shown`: a feature of the shop's own that was seen; Kabin's slots are reported without. */
  slot?: string;
  /** Of `sort_items`: such as `price`. */
  sort_by?: string;
  /** Of `fit_feedback`. */
  fit?: "small" | "true" | "large";
  /** What else GA4 knows is left out. */
  [name: string]: unknown;
}

export interface KabinClient {
  /** Ask for the decision of a page. Never rejects: after the timeout it is the default decision. */
  personalize(request?: KabinRequest): Promise<KabinDecision>;
  /** Report an event; `decision_shown` of Kabin's slots and what stands in the GA4 data layer are reported without. */
  track(name: KabinEventName, params?: KabinEventParams): void;
  /** Say what the visitor agreed to; `denied` also clears what is stored in the browser. */
  consent(answer: "granted" | "denied"): void;
  /** Say who is signed in, on every page where somebody is: a JWT from the shop's backend, see `POST /identify`. */
  identify(customerToken: string): void;
  /** Say that the customer signs out, once, then: what follows is another visitor's, whom nobody knows. */
  signOut(): void;
}

declare global {
  interface Window {
    kabin: KabinClient;
  }
  /** The global of the page, `window.kabin`. */
  const kabin: KabinClient;
  interface DocumentEventMap {
    /** An answer came, in time or late. */
    "kabin:decision": CustomEvent<KabinDecision>;
    /** The service said what became of the events sent. */
    "kabin:events": CustomEvent<KabinReceipt>;
  }
}
