// A single-page shop: one template swaps its content and the address, as a router of a framework does.
"use strict";

const app = {
  go(number) {
    const route = document.createElement("main");
    route.id = "route";
    route.dataset.kabinPage = "product";
    route.dataset.kabinItemId = `K${number}`;
    const heading = document.createElement("h1");
    heading.textContent = `Item ${number}`;
    const picker = document.createElement("select");
    picker.dataset.kabinSizePicker = "";
    picker.setAttribute("aria-label", "Size");
    for (const size of ["", "S", "M", "L"]) {
      const option = document.createElement("option");
      option.value = size && `K${number}-${size.toLowerCase()}`;
      option.textContent = size || "Choose a size";
      picker.append(option);
    }
    route.append(heading, picker);
    document.querySelector("#route").replaceWith(route);
    history.pushState({}, "", `/item/${number}`);
  },
};
