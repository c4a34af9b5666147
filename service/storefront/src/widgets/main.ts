/** kabin-widgets.js: the second script, fetched by ../widget_script.ts. */
import { connect } from "./core";
import { attempt } from "../elements";
import type { Core, Widgets } from "../widget_script";
import { clean, listen } from "./ga4";
import { cancelView, expectView, reportView } from "./product_view";
import { fillRecommendations, hearSelection } from "./recommendations_slot";
import { annotate, hearChoice, offerSize, resetPicker } from "./size_picker";
import { learn, tagged } from "./tagged_page";

export default (core: Core): Widgets => {
  connect(core);
  expectView();
  return {
    apply(pageKey) {
      attempt(offerSize);
      attempt(() => fillRecommendations(pageKey));
    },
    hear(event) {
      const { type, target } = event;
      if (document.hidden || type === "pagehide") attempt(reportView);
      if (!(target instanceof Element)) return;
      attempt(() => hearChoice(event, target));
      if (type === "click") attempt(() => hearSelection(target));
    },
    reset() {
      resetPicker();
      expectView();
    },
    complete(name, raw) {
      const params = clean(raw);
      if (name === "view_item") cancelView();
      annotate(name, params);
      learn(name, params.items?.[0].item_id);
      return params;
    },
    listen: () => attempt(listen),
    tagged,
  };
};
