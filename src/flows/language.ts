import type { RequestView } from "../core/request.ts"

/** Languages that mails and pages are written in; the first is for everybody else. */
export const LANGUAGES = ["en", "de"] as const

export type Language = (typeof LANGUAGES)[number]

/** Much longer than browsers send; what comes after is not looked at. */
const MOST_CHARACTERS = 256

/** The language a browser asks for (RFC 9110, section 12.5.4); weights are compared, regions ignored. */
export function readLanguage(view: Pick<RequestView, "header">): Language {
  const wanted = (view.header("accept-language") ?? "").slice(0, MOST_CHARACTERS).split(",")
  let [best, bestWeight]: [Language, number] = [LANGUAGES[0], 0]
  for (const part of wanted) {
    const [tag = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase())
    const given = parameters.find((parameter) => parameter.startsWith("q="))
    const weight = given === undefined ? 1 : Number(given.slice(2))
    const language = LANGUAGES.find((each) => tag === each || tag.startsWith(`${each}-`))
    if (language !== undefined && weight > bestWeight) [best, bestWeight] = [language, weight]
  }
  return best
}
