// Allowed and blocked sites, and the service this extension belongs to.
import { registrableDomain } from "../privacy/address";
import { store, stored } from "../storage/settings";
import { button, byId, make } from "./dom";
import { localize, text } from "./localize";

localize(document);

async function show(): Promise<void> {
  const { allowed, blockedByPerson, service } = await stored("allowed", "blockedByPerson", "service");
  byId("allowed").replaceChildren(...rows(allowed, (left) => store({ allowed: left })));
  byId("blocked").replaceChildren(...rows(blockedByPerson, (left) => store({ blockedByPerson: left })));
  byId<HTMLInputElement>("service").value = service;
}

function rows(domains: string[], keep: (left: string[]) => Promise<void>): Node[] {
  if (!domains.length) return [make("li", {}, text("none_yet"))];
  return domains.map((domain) => {
    const remove = async () => {
      await keep(domains.filter((each) => each !== domain));
      await show();
    };
    return make("li", {}, domain, " ", button(text("remove", domain), remove, "small"));
  });
}

byId("block").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId<HTMLInputElement>("domain");
  const domain = registrableDomain(field.value.trim().toLowerCase());
  void stored("blockedByPerson")
    .then(({ blockedByPerson }) => store({ blockedByPerson: [...new Set([...blockedByPerson, domain])] }))
    .then(show);
  field.value = "";
});
byId("service-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const { origin } = new URL(byId<HTMLInputElement>("service").value);
  // The token belongs to the service that gave it, and so does the choice to tell it of pages.
  void store({ service: origin, token: "", device: "", trouble: "none", asksModel: false }).then(show);
});
await show();
