export { HEADER, writeAnswer } from "./answer.ts"
export {
  type BotCheckCounts,
  type BotChecks,
  type Challenge,
  createBotChecks,
  type Judgement,
} from "./bot-check.ts"
export { type BotCheckOptions, type BotCheckPolicy, readBotCheck } from "./options.ts"
export { createRisk, type Device, type Need, type Risk } from "./risk.ts"
export { state } from "./state.ts"
export { WIDGETS, type Widget, type WidgetName } from "./widget.ts"
