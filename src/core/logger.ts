/** The part of pino's shape we use; any logger with these three works. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const silentLogger: Logger = { info() {}, warn() {}, error() {} }

/** A one-time token has 43 characters; a name in a path is shorter than this. */
const LONG_SEGMENT = /[^/]{20,}/g

/** A logger that does not repeat what may be a token which somebody put into a path. */
export function withoutLongSegments(logger: Logger): Logger {
  const shorten = (fields: object): object =>
    "path" in fields && typeof fields.path === "string"
      ? { ...fields, path: fields.path.replace(LONG_SEGMENT, "…") }
      : fields
  return {
    info: (fields, message) => logger.info(shorten(fields), message),
    warn: (fields, message) => logger.warn(shorten(fields), message),
    error: (fields, message) => logger.error(shorten(fields), message),
  }
}
