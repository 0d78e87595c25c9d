// Whether the standardwebhooks package verifies a message: {body, headers, secrets} in, a list of booleans out.
import { readFileSync } from 'node:fs'
import { Webhook } from 'standardwebhooks'

const { body, headers, secrets } = JSON.parse(readFileSync(0, 'utf8'))
const verifies = (secret) => {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}
console.log(JSON.stringify(secrets.map(verifies)))
