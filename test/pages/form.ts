/** What a browser sends when a button of a page is pressed, and what can be read off a page. */
import type { Answer, Browser } from "../flows/stage.ts"

const TYPE = "application/x-www-form-urlencoded"

export function press(
  browser: Pick<Browser, "ask">,
  path: string,
  fields: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const body = new URLSearchParams(fields).toString()
  return browser.ask(path, { method: "POST", body, headers: { "content-type": TYPE, ...headers } })
}

export const titleOf = ({ text }: Answer): string => /<title>([^<]*)/.exec(text)?.[1] ?? ""

/** The text of the alert, without markup. */
export const alertOf = ({ text }: Answer): string | undefined =>
  /role="alert"[^>]*>(.*?)<\/div>/s
    .exec(text)?.[1]
    ?.replace(/<[^>]*>/g, "")
    .trim()

/** Actions of all forms and buttons. */
export const actionsOf = ({ text }: Answer): readonly string[] =>
  [...text.matchAll(/(?:form)?action="([^"]*)"/g)].map(([, action]) =>
    (action ?? "").replaceAll("&amp;", "&"),
  )
