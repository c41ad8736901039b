import * as z from "zod"
import { normaliseMailAddress } from "./mail/index.ts"

/** Far above the 1,024 bytes that the password room takes, so that it is the one to say so. */
const MOST_CHARACTERS = 4096

/** Members of bodies, in one place. */
export const email: z.ZodType<string, string> = z
  .string()
  .max(MOST_CHARACTERS)
  .transform((text, context) => {
    const address = normaliseMailAddress(text)
    if (address !== undefined) return address
    context.addIssue({ code: "custom", message: "it is not one plain mail address" })
    return z.NEVER
  })

export const password: z.ZodType<string, string> = z.string().min(1).max(MOST_CHARACTERS)
/** 32 bytes in base64url, as our mails carry them. */
export const oneTimeToken: z.ZodType<string, string> = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
/** Six digits from a mail, as people type them: blanks and hyphens may be between. */
export const typedCode: z.ZodType<string, string> = z.string().min(1).max(32)
/** Whether the browser keeps the session when it closes. */
export const remember: z.ZodType<boolean | undefined, boolean | undefined> = z.boolean().optional()
export const transport: z.ZodType<"cookie" | "bearer" | undefined, "cookie" | "bearer" | undefined> = z
  .enum(["cookie", "bearer"])
  .optional()
export const refreshToken: z.ZodType<string, string> = z.string().min(1).max(MOST_CHARACTERS)
