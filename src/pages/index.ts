import { sha256, toBase64url } from "../core/bytes.ts"
import type { FlowRoute } from "../core/flow.ts"
import { renderRefusal } from "../core/problem.ts"
import type { Reply } from "../core/request.ts"
import type { FlowPages } from "../flows/flow-pages.ts"
import { ALTCHA_SCRIPT } from "./altcha-script.ts"
import { BOT_CHECK_SCRIPT } from "./bot-check-script.ts"
import { checkMailForms, checkMailRoutes } from "./check-mail.ts"
import { diagnosisRoutes } from "./diagnosis.ts"
import { DIAGNOSIS_SCRIPT } from "./diagnosis-script.ts"
import { emailLinkForms, emailLinkPageRoutes } from "./email-link.ts"
import { ICON } from "./emblem.ts"
import { formRoutes } from "./form.ts"
import { bouncePage, refusedPage } from "./problem.ts"
import { readReturn } from "./return-path.ts"
import { pageRoute } from "./route.ts"
import { SCRIPT } from "./script.ts"
import { settingsRoutes } from "./settings.ts"
import { settingsForms } from "./settings-forms.ts"
import { signInForms, signInRoutes } from "./sign-in.ts"
import type { Site } from "./site.ts"
import { style } from "./style.ts"
import { tokenForms, tokenPageRoutes } from "./token-form.ts"
import { afterSignIn, readVisit } from "./visit.ts"

export { type PagesOptions, type PagesPolicy, readPages } from "./options.ts"

/** The pages people see. */
export interface Pages extends FlowPages {
  /** @param flows the table of the flows, whose forms these are */
  routes(flows: readonly FlowRoute[]): readonly FlowRoute[]
}

export function createPages(input: Omit<Site, "versions">): Pages {
  const assets = {
    "style.css": { type: "text/css", body: style(input.policy.accent) },
    "pages.js": { type: "text/javascript", body: SCRIPT },
    "diagnosis.js": { type: "text/javascript", body: DIAGNOSIS_SCRIPT },
    "bot-check.js": { type: "text/javascript", body: BOT_CHECK_SCRIPT },
    "altcha.js": { type: "text/javascript", body: ALTCHA_SCRIPT },
    "icon.svg": { type: "image/svg+xml", body: ICON },
  }
  const version = (name: keyof typeof assets) => toBase64url(sha256(assets[name].body)).slice(0, 8)
  const site: Site = {
    ...input,
    versions: {
      "style.css": version("style.css"),
      "pages.js": version("pages.js"),
      "diagnosis.js": version("diagnosis.js"),
      "bot-check.js": version("bot-check.js"),
      "altcha.js": version("altcha.js"),
    },
  }
  const forms = [
    ...signInForms(site),
    ...tokenForms(site),
    ...checkMailForms(site),
    ...emailLinkForms(site),
    ...settingsForms(site),
  ]
  const allowed = (text: string | undefined) => readReturn(site.policy, text)
  const own = (text: string | undefined) =>
    readReturn({ origin: site.policy.origin, origins: new Set() }, text)
  return {
    routes: (flows) => [
      ...signInRoutes(site),
      ...tokenPageRoutes(site),
      ...checkMailRoutes(site),
      ...emailLinkPageRoutes(site),
      ...settingsRoutes(site),
      ...diagnosisRoutes(site),
      ...continueRoutes(site),
      ...formRoutes(site, forms, flows),
      ...Object.entries(assets).map(([name, { type, body }]) => assetRoute(site, name, type, body)),
    ],
    bounce(call, location, headers) {
      const visit = readVisit(site, call.view)
      return bouncePage(visit, allowed(location) ?? visit.href(site.policy.afterSignIn), headers)
    },
    returnTo: (text) => allowed(text ?? undefined) ?? site.policy.afterSignIn,
    problem: (call, refusal, next) => refusedPage(readVisit(site, call.view), refusal, undefined, own(next)),
  }
}

/** To another origin that is listed; a redirect of a form may not lead there (`form-action`), a page may. */
function continueRoutes(site: Site): readonly FlowRoute[] {
  if (site.policy.origins.size === 0) return []
  return [
    pageRoute(site, "continue", "Leads on to a listed origin.", (visit) =>
      bouncePage(visit, visit.returnTo ?? afterSignIn(visit), []),
    ),
  ]
}

function assetRoute(site: Site, name: string, type: string, body: string): FlowRoute {
  const reply: Reply = {
    status: 200,
    headers: [
      ["content-type", type === "image/svg+xml" ? type : `${type}; charset=utf-8`],
      ["cache-control", "public, max-age=86400"],
    ],
    body,
  }
  return {
    name: `page-${name}`,
    method: "GET",
    path: `${site.basePath}/${name}`,
    access: "credential",
    summary: "Part of the pages.",
    run: () => reply,
    // A file is about nobody, so a doubled cookie takes nothing away from the page that tells of it.
    refused: (_, refusal, instance) =>
      refusal.refusal.code === "cookie.duplicate" ? reply : renderRefusal(refusal, instance),
  }
}
