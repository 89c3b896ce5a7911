/** The bytes of a message on their way through the relay. */
export { createDotDecoder, type Decoded, type DotDecoder, type Flaw } from './dot-decoder.ts'
export { type HeadPlan, notAllowed, planHead } from './plan-head.ts'
export { createDateText, receivedField, type Trace } from './received.ts'
export { type SenderRules, senderRules } from './sender-rules.ts'
