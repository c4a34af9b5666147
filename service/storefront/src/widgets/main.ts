/** kabin-widgets.js: the second script, fetched by ../widget_script.ts. */
import { connect } from "./core";
import { attempt } from "../elements";
import type { Core, Widgets } from "../widget_script";
import { clean, listen } from "./ga4";
import { become } from "./identification";
import { expectView, noteView, reportView } from "./product_view";
import { fillRecommendations, hearSelection } from "./recommendations_slot";
import { annotate, hearChoice, offerSize, resetPicker } from "./size_picker";
import { learn, tagged } from "./tagged_page";

const hear = (event: Event): void => {
  const { type, target } = event;
  if (document.hidden || type === "pagehide") attempt(reportView);
  if (!(target instanceof Element)) return;
  attempt(() => hearChoice(event, target));
  if (type === "click") attempt(() => hearSelection(target));
};

export default (core: Core): Widgets => {
  connect(core);
  expectView();
  // Another page may not have come to the end of it.
  become();
  return {
    update(pageKey, unheard) {
      unheard.forEach(hear);
      attempt(offerSize);
      attempt(() => fillRecommendations(pageKey));
    },
    reset() {
      resetPicker();
      expectView();
    },
    complete(name, raw) {
      const params = clean(raw);
      if (name === "view_item") noteView(params.items?.[0].item_id);
      annotate(name, params);
      learn(name, params.items?.[0].item_id);
      return params;
    },
    listen: () => attempt(listen),
    become,
    tagged,
  };
};
