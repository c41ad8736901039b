export { describeEvent, eventRecord, severityOf, state } from "./event.ts"
export { type EventOptions, type EventPolicy, readEvent } from "./options.ts"
