/**
 * The simulated Microsoft Graph: an HTTPS listener for reads of applications (secrets with their end, never
 * their value), service principals and consented permissions, and for adding and removing an application's secrets
 * and certificates, whose changes a rehearsal keeps. It checks this tenant's own tokens and shows the
 * tenant's state at the moment of the request; `graph.fault` makes it fail.
 */
export { type GraphServer, startGraph } from './server.ts'
