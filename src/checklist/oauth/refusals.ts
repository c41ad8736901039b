import type { RefusalKind } from "../../core/verdict.ts"

/** No provider of this name is configured. */
export const PROVIDER: RefusalKind = {
  status: 404,
  code: "oauth.provider",
  title: "There is no such provider.",
}

/** The flow's cookie is missing, another flow's or another provider's, or the state is not its. */
export const STATE: RefusalKind = {
  status: 400,
  code: "oauth.state",
  title: "This sign-in was not started in this browser. Start again.",
}

export const EXPIRED: RefusalKind = {
  status: 400,
  code: "oauth.expired",
  title: "This sign-in took too long. Start again.",
}

/** The person said no at the provider. */
export const DENIED: RefusalKind = {
  status: 403,
  code: "oauth.denied",
  title: "The sign-in was cancelled at the provider.",
}

/** The callback or the exchange of its code is not what the protocol asks for. */
export const RESPONSE: RefusalKind = {
  status: 400,
  code: "oauth.response",
  title: "The provider's answer cannot be used. Start again.",
}

/** RFC 9207: the answer says that it is another provider's, or does not say whose it is although it should. */
export const ISSUER: RefusalKind = {
  status: 400,
  code: "oauth.issuer",
  title: "The answer came from another provider. Start again.",
}

/** The provider's statement about the person does not hold. */
export const IDENTITY: RefusalKind = {
  status: 403,
  code: "oauth.identity",
  title: "The provider did not prove who you are. Start again.",
}

export const RETURN_PATH: RefusalKind = {
  status: 400,
  code: "oauth.return_path",
  title: "The address to return to is too long.",
}
