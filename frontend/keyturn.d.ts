/** A problem document (RFC 9457). Decide by `type`, which is stable: "urn:keyturn:problem:...". */
export interface Problem {
  type: string;
  /** 0 if Keyturn did not answer: type "urn:keyturn:problem:unreachable". */
  status: number;
  title: string;
  detail: string;
  /** Every rule that the password breaks: type "urn:keyturn:problem:password-rejected". */
  violations: Violation[];
  /** The faults of the request, by field: type "urn:keyturn:problem:invalid-input". */
  errors: { field: string; message: string }[];
  /** Seconds to wait before a retry, if a retry can succeed. */
  retryAfter?: number;
  /** Why the link is dead: type "urn:keyturn:problem:link-dead". */
  reason?: DeadReason;
  /** The account's second factors: types "urn:keyturn:problem:second-step-required" and "-rejected". */
  methods?: Factor[];
  /** The method by which a code was just sent. */
  sent?: SecondStepMethod | null;
  /** The number of wrong codes that the link still allows. */
  triesLeft?: number;
  /** The challenge to answer: type "urn:keyturn:problem:challenge-required". */
  challenge?: Challenge;
  /** "urn:keyturn:request:" and the id that the service's log has for the request: status 500 and above. */
  instance?: string;
}

export interface Challenge {
  method: "altcha" | "turnstile" | "hcaptcha";
  siteKey: string;
  action: string;
  /** ALTCHA's puzzle. */
  parameters?: Record<string, unknown>;
  signature?: string;
}

export type SecondStepMethod = "totp" | "sms" | "recovery_code";

/** A second factor. Keyturn cannot check a code of "other". */
export interface Factor {
  method: SecondStepMethod | "other";
  /** A hint for the account's owner, such as "…23", the end of a phone number. */
  hint: string;
}

/** The answer to a second step. Without a `code`, the method "sms" sends one. */
export interface SecondStepAnswer {
  method: SecondStepMethod;
  code?: string;
}

export type DeadReason = "invalid" | "expired" | "used" | "second_step";

export interface Violation {
  rule: string;
  message: string;
}

export declare class KeyturnError extends Error {
  constructor(problem: Partial<Problem>, options?: ErrorOptions);
}
export interface KeyturnError extends Readonly<Problem> {}

export interface Rule {
  name: string;
  message: string;
  limit: number | null;
  /** A regular expression for the flag u that every accepted password matches. */
  pattern: string | null;
}

export interface LiveLink {
  valid: true;
  email: string;
  /** ISO 8601 */
  expiresAt: string;
  /** Whether the link sets the account's first password, as an invitation does. */
  awaitsPassword: boolean;
  /** The operator's reason, if an operator requested the new password. */
  operatorReason?: string;
  /** Where the user goes after the reset, if the request said so. */
  returnTo?: string;
}

export interface DeadLink {
  valid: false;
  reason: DeadReason;
  /** The masked address of a link that has expired and can be replaced once. */
  emailHint?: string;
}

export interface Judgement {
  accepted: boolean;
  violations: Violation[];
}

export interface Done {
  success: true;
  message: string;
}

export interface FormTexts {
  lang: string;
  dir: "ltr" | "rtl";
  texts: Texts;
  /** The challenge, if every request needs an answer to it. */
  challenge?: Challenge;
  /** Whether mails contain a code beside the link. */
  codes: boolean;
  /** Whether users may enter a user name in place of their address. */
  takesNames: boolean;
  /** Where users read their mail. `others`: domains near one of these that are no mistake. */
  mailServices: { services: { name: string; url: string; domains: string[] }[]; others: string[] };
}

export interface ClientOptions {
  /** The `base_url` of the service. Default: the page's own origin. */
  url?: string;
  /** The service's `server.api_path`. Default: "/api/auth". */
  path?: string;
  /** A BCP 47 tag, sent as Accept-Language. Default: the browser's languages. */
  language?: string;
}

/** Every call rejects with a KeyturnError, also if Keyturn does not answer within 20 seconds. */
export interface Client {
  requestReset(email: string, options?: { challenge?: string; returnTo?: string }): Promise<Done>;
  /** The service's challenge, if it sets one. For ALTCHA it contains a fresh puzzle. */
  challenge(): Promise<Challenge>;
  /** Exchanges the code of a mail for a token, if mails contain codes. */
  verifyCode(email: string, code: string): Promise<{ token: string; expiresAt: string }>;
  validate(token: string, options?: { email?: string }): Promise<LiveLink | DeadLink>;
  /** Requests a new link for the address of an expired one, once for each link. */
  replaceExpired(token: string, options?: { challenge?: string }): Promise<Done>;
  /** Checks a password without setting it. The link keeps working. */
  check(token: string, password: string, options?: { email?: string }): Promise<Judgement>;
  reset(
    token: string, newPassword: string,
    options?: { email?: string; confirmPassword?: string; secondStep?: SecondStepAnswer },
  ): Promise<Done>;
  /** Disputes a change with the token of the mail that confirms it. Ends all access and sends a new reset link. */
  secureAccount(token: string): Promise<Done>;
  /** Changes the password of the user who is signed in to Keyturn. Works only in pages of its own origin. */
  changePassword(currentPassword: string, newPassword: string): Promise<Done>;
  policy(): Promise<{ rules: Rule[] }>;
  /** The texts of the elements, in the language of the tag or else of the browser. */
  texts(language: string): Promise<FormTexts>;
}

export declare function createClient(options?: ClientOptions): Client;

/** The texts of the elements by name. Words in braces are placeholders, and <b> is bold. Empty headings and leads are hidden. */
export type Texts = Record<
  | "forgotHeading" | "forgotLead" | "email" | "malformed" | "send" | "back"
  | "sentHeading" | "sentLead" | "for" | "spam" | "nothing" | "askAgainIn" | "askAgain" | "sendAgain" | "another" | "openInbox" | "meant"
  | "changeHeading" | "changeLead" | "change" | "changeSent"
  | "resetHeading" | "firstHeading" | "password" | "firstPassword" | "again" | "firstAgain" | "show" | "hide" | "same" | "unmet" | "mismatch" | "save" | "saveFirst" | "until"
  | "strength" | "none" | "weak" | "fair" | "good" | "strong" | "met" | "notMet" | "progress"
  | "secondStep" | "secondStepLead" | "secondStepOther" | "totp" | "sms" | "recoveryCode" | "factorCode" | "enterCode"
  | "sendCode" | "codeSent"
  | "changed" | "signIn" | "invalidHeading" | "invalid" | "expiredHeading" | "expired" | "usedHeading" | "used" | "wrongCodesHeading" | "wrongCodes"
  | "code" | "codeHeading" | "codeLead" | "codeElsewhere" | "codeMalformed" | "continue"
  | "noLink" | "noLinkLead" | "newLink" | "sendNew" | "unloaded" | "unreachable" | "retry" | "reference",
  string
>;

/**
 * Attributes: url, path, lang, texts (JSON), heading-level (1 to 6), light (no shadow tree), sign-in-href;
 * email, cooldown (seconds) and return-to of the two that ask for a mail, code of keyturn-forgot, email and forgot-href of
 * keyturn-code; token, email and forgot-href of keyturn-reset.
 * The element reads them once, when it is added to a page.
 */
export interface KeyturnElement extends HTMLElement {
  /** Your own texts. They override the attribute, which overrides the service's. */
  texts?: Partial<Texts>;
}

export interface KeyturnEventMap {
  /** A mail was requested. The event does not reveal whether the account exists. */
  "keyturn-sent": CustomEvent<{ email: string }>;
  /** The password was changed. */
  "keyturn-reset": CustomEvent<{ email: string }>;
  /** A request was refused, or the link is dead. The element shows this itself. */
  "keyturn-error": CustomEvent<KeyturnError>;
}

declare global {
  interface HTMLElementTagNameMap {
    "keyturn-forgot": KeyturnElement;
    "keyturn-code": KeyturnElement;
    "keyturn-reset": KeyturnElement;
    "keyturn-change-password": KeyturnElement;
  }
  // The events bubble, also out of shadow trees.
  interface HTMLElementEventMap extends KeyturnEventMap {}
  interface DocumentEventMap extends KeyturnEventMap {}
}
