// Reads paths of the metadata service with the AWS SDK's client, in one mode of the service.
// Prints a JSON object: path to text, or to {"status": N} where the service refused.
//
//   read-metadata.js v1|v2 PATH...

import { MetadataService } from "@aws-sdk/ec2-metadata-service";

const [mode, ...paths] = process.argv.slice(2);
const service = new MetadataService({
  disableFetchToken: mode === "v1",
  httpOptions: { timeout: 10_000 },
  retries: 0,
});
const answers = {};
for (const path of paths) {
  try {
    answers[path] = await service.request(path, {});
  } catch (error) {
    const status = error.$metadata?.httpStatusCode;
    if (status === undefined) throw error;
    answers[path] = { status };
  }
}
console.log(JSON.stringify(answers));
