import {
  AsnArray,
  AsnProp,
  AsnPropTypes,
  AsnType,
  AsnTypeTypes,
  OctetString,
} from '@peculiar/asn1-schema'
import { AlgorithmIdentifier } from '@peculiar/asn1-x509'

/*
 * The ASN.1 of PKCS #12 (RFC 7292) and of password-based encryption (RFC 8018), as far as certificate files use it.
 * The library's decorators are called as functions: the sources run with their types stripped, which leaves no
 * decorators.
 */

const sequence = AsnType({ type: AsnTypeTypes.Sequence })
const NOTHING = new ArrayBuffer(0)

/** RFC 7292 §4: data, or what is encrypted with a password. */
export class ContentInfo {
  contentType = ''
  content: ArrayBuffer = NOTHING
}
sequence(ContentInfo)
AsnProp({ type: AsnPropTypes.ObjectIdentifier })(ContentInfo.prototype, 'contentType')
AsnProp({ type: AsnPropTypes.Any, context: 0 })(ContentInfo.prototype, 'content')

class DigestInfo {
  digestAlgorithm = new AlgorithmIdentifier()
  digest = new OctetString()
}
sequence(DigestInfo)
AsnProp({ type: AlgorithmIdentifier })(DigestInfo.prototype, 'digestAlgorithm')
AsnProp({ type: OctetString })(DigestInfo.prototype, 'digest')

export class MacData {
  mac = new DigestInfo()
  macSalt = new OctetString()
  iterations = 1
}
sequence(MacData)
AsnProp({ type: DigestInfo })(MacData.prototype, 'mac')
AsnProp({ type: OctetString })(MacData.prototype, 'macSalt')
AsnProp({ type: AsnPropTypes.Integer, defaultValue: 1 })(MacData.prototype, 'iterations')

export class Pfx {
  version = 3
  authSafe = new ContentInfo()
  macData: MacData | undefined = undefined
}
sequence(Pfx)
AsnProp({ type: AsnPropTypes.Integer })(Pfx.prototype, 'version')
AsnProp({ type: ContentInfo })(Pfx.prototype, 'authSafe')
AsnProp({ type: MacData, optional: true })(Pfx.prototype, 'macData')

export class AuthenticatedSafe extends AsnArray<ContentInfo> {}
AsnType({ type: AsnTypeTypes.Sequence, itemType: ContentInfo })(AuthenticatedSafe)

/** RFC 5652 §8. */
class EncryptedContentInfo {
  contentType = ''
  contentEncryptionAlgorithm = new AlgorithmIdentifier()
  encryptedContent = new OctetString()
}
sequence(EncryptedContentInfo)
AsnProp({ type: AsnPropTypes.ObjectIdentifier })(EncryptedContentInfo.prototype, 'contentType')
AsnProp({ type: AlgorithmIdentifier })(EncryptedContentInfo.prototype, 'contentEncryptionAlgorithm')
AsnProp({ type: OctetString, context: 0, implicit: true })(
  EncryptedContentInfo.prototype,
  'encryptedContent',
)

export class EncryptedData {
  version = 0
  encryptedContentInfo = new EncryptedContentInfo()
}
sequence(EncryptedData)
AsnProp({ type: AsnPropTypes.Integer })(EncryptedData.prototype, 'version')
AsnProp({ type: EncryptedContentInfo })(EncryptedData.prototype, 'encryptedContentInfo')

/** RFC 7292 §4.2. */
export class SafeBag {
  bagId = ''
  bagValue: ArrayBuffer = NOTHING
  bagAttributes: ArrayBuffer[] | undefined = undefined
}
sequence(SafeBag)
AsnProp({ type: AsnPropTypes.ObjectIdentifier })(SafeBag.prototype, 'bagId')
AsnProp({ type: AsnPropTypes.Any, context: 0 })(SafeBag.prototype, 'bagValue')
AsnProp({ type: AsnPropTypes.Any, repeated: 'set', optional: true })(
  SafeBag.prototype,
  'bagAttributes',
)

export class SafeContents extends AsnArray<SafeBag> {}
AsnType({ type: AsnTypeTypes.Sequence, itemType: SafeBag })(SafeContents)

export class CertBag {
  certId = ''
  certValue = new OctetString()
}
sequence(CertBag)
AsnProp({ type: AsnPropTypes.ObjectIdentifier })(CertBag.prototype, 'certId')
AsnProp({ type: OctetString, context: 0 })(CertBag.prototype, 'certValue')

/** RFC 5208 §6. */
export class EncryptedPrivateKeyInfo {
  encryptionAlgorithm = new AlgorithmIdentifier()
  encryptedData = new OctetString()
}
sequence(EncryptedPrivateKeyInfo)
AsnProp({ type: AlgorithmIdentifier })(EncryptedPrivateKeyInfo.prototype, 'encryptionAlgorithm')
AsnProp({ type: OctetString })(EncryptedPrivateKeyInfo.prototype, 'encryptedData')

/** RFC 8018 appendix A.3 (PBE) and RFC 7292 appendix C. */
export class PbeParameters {
  salt = new OctetString()
  iterations = 1
}
sequence(PbeParameters)
AsnProp({ type: OctetString })(PbeParameters.prototype, 'salt')
AsnProp({ type: AsnPropTypes.Integer })(PbeParameters.prototype, 'iterations')

/** RFC 8018 appendix A.4. */
export class Pbes2Parameters {
  keyDerivation = new AlgorithmIdentifier()
  encryption = new AlgorithmIdentifier()
}
sequence(Pbes2Parameters)
AsnProp({ type: AlgorithmIdentifier })(Pbes2Parameters.prototype, 'keyDerivation')
AsnProp({ type: AlgorithmIdentifier })(Pbes2Parameters.prototype, 'encryption')

/** RFC 8018 appendix A.2. */
export class Pbkdf2Parameters {
  salt = new OctetString()
  iterations = 1
  keyLength: number | undefined = undefined
  prf: AlgorithmIdentifier | undefined = undefined
}
sequence(Pbkdf2Parameters)
AsnProp({ type: OctetString })(Pbkdf2Parameters.prototype, 'salt')
AsnProp({ type: AsnPropTypes.Integer })(Pbkdf2Parameters.prototype, 'iterations')
AsnProp({ type: AsnPropTypes.Integer, optional: true })(Pbkdf2Parameters.prototype, 'keyLength')
AsnProp({ type: AlgorithmIdentifier, optional: true })(Pbkdf2Parameters.prototype, 'prf')
