import type { MailFrame } from "./words.ts"

const IGNORE = "If this was not you, you can ignore this mail: nothing happens without the link."
const WORRY = "If this was not you, somebody knows your password or reads your mail: reset the password now."

export const ENGLISH: MailFrame = {
  asked: "Asked for by {client} from the network {network} at {at} UTC.",
  unknownClient: "an unknown browser",
  minutes: "{n} minutes",
  hours: "{n} hours",
  days: "{n} days",
  mails: {
    register: {
      subject: "Finish creating your account at {site}",
      lines: [
        "Somebody, probably you, wants to create an account at {site} with this address.",
        "The link works for {time} and once.",
      ],
      action: "Choose a password",
      end: IGNORE,
    },
    "already-registered": {
      subject: "You already have an account at {site}",
      lines: [
        "Somebody, probably you, tried to use this address for another account at {site}.",
        "There is one already: sign in, or reset the password if you have forgotten it.",
      ],
      end: "If this was not you, you can ignore this mail.",
    },
    invite: {
      subject: "You are invited to {site}",
      lines: ["An account at {site} is waiting for you.", "The link works for {time} and once."],
      action: "Choose a password",
      end: "If you do not expect this, you can ignore this mail.",
    },
    reset: {
      subject: "Reset your password at {site}",
      lines: [
        "Somebody, probably you, asked to reset the password of your account at {site}.",
        "The link works for {time} and once.",
      ],
      action: "Choose a new password",
      end: IGNORE,
    },
    "email-link": {
      subject: "{code} is your code for {site}",
      lines: [
        "Type this code where you asked for it: {code}",
        "Or open the link in the same browser. Both work for {time} and once, and nowhere else.",
      ],
      action: "Sign in",
      end: "If this was not you, do not give the code to anybody: open the link and say that you did not ask for it.",
    },
    "email-change-old": {
      subject: "{code} allows a change of your address at {site}",
      lines: [
        "Your account at {site} is to get another mail address.",
        "If you want that, type this code on the account page: {code}",
        "It works for {time}.",
      ],
      end: "If this was not you, somebody uses your account: end all other sessions and change your password now.",
    },
    "email-change-new": {
      subject: "{code} proves your new address at {site}",
      lines: [
        "This address is to become that of an account at {site}.",
        "If you want that, type this code on the account page: {code}",
        "It works for {time}.",
      ],
      end: "If this was not you, you can ignore this mail: nothing happens without the code.",
    },
    "email-changed": {
      subject: "The address of your account at {site} was changed",
      lines: [
        "The mail address of your account at {site} was changed, and all other sessions were signed out.",
      ],
      end: "If this was not you, write to the people who run {site} at once.",
    },
    "password-changed": {
      subject: "Your password at {site} was changed",
      lines: ["The password of your account at {site} was changed, and all other sessions were signed out."],
      end: WORRY,
    },
    "password-reset": {
      subject: "Your password at {site} was reset",
      lines: [
        "The password of your account at {site} was reset with a link from your mail, and all sessions were signed out.",
      ],
      end: WORRY,
    },
    "signed-out-for-safety": {
      subject: "You were signed out at {site} for safety",
      lines: [
        "One of your sessions at {site} was ended, because it was used in a way that can mean a copied cookie.",
        "Often it is only a browser that was restored from a backup. Signing in again is all you need to do.",
      ],
      end: "If it happens again, change your password.",
    },
    "identity-linked": {
      subject: "{about} can now sign in to your account at {site}",
      lines: ["Your account at {site} can now be signed in to with {about}."],
      end: "If this was not you, remove it on the account page and end all other sessions.",
    },
    "identity-unlinked": {
      subject: "{about} was removed from your account at {site}",
      lines: ["Your account at {site} can no longer be signed in to with {about}."],
      end: "If this was not you, end all other sessions and change your password.",
    },
    "deletion-asked": {
      subject: "Your account at {site} will be deleted",
      lines: [
        "Somebody, probably you, asked to delete your account at {site}.",
        "Until then you can sign in and keep it.",
      ],
      end: "If this was not you, sign in, keep the account and change your password.",
    },
  },
}
