// The life of an image with the AWS SDK for JavaScript: launch, capture, share, find, launch by the other account,
// deprecate, deregister. Ends with "N checks, N failed".
//
//   AWS_ENDPOINT_URL=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… OTHER_ACCESS_KEY_ID=… OTHER_SECRET_ACCESS_KEY=…
//   node sdk-session.js IMAGE_ID OTHER_ACCOUNT
//
// The image must boot a tiny guest.

import { isDeepStrictEqual } from "node:util";

import {
  CreateImageCommand,
  DeregisterImageCommand,
  DescribeImageAttributeCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  EC2Client,
  EnableImageDeprecationCommand,
  ModifyImageAttributeCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
  paginateDescribeInstanceTypes,
  waitUntilImageAvailable,
  waitUntilInstanceRunning,
  waitUntilInstanceTerminated,
} from "@aws-sdk/client-ec2";

const [imageId, otherAccount] = process.argv.slice(2);
const common = { region: "local-1", endpoint: process.env.AWS_ENDPOINT_URL, maxAttempts: 1 };
const owner = new EC2Client(common);
const other = new EC2Client({
  ...common,
  credentials: {
    accessKeyId: process.env.OTHER_ACCESS_KEY_ID,
    secretAccessKey: process.env.OTHER_SECRET_ACCESS_KEY,
  },
});
const waiting = (client) => ({ client, minDelay: 1, maxDelay: 2, maxWaitTime: 120 });

let checks = 0;
let failed = 0;

function expect(what, said, expected) {
  checks += 1;
  if (isDeepStrictEqual(said, expected)) return;
  failed += 1;
  console.error(`not as expected: ${what}: ${JSON.stringify(said)}, not ${JSON.stringify(expected)}`);
}

async function expectRefused(code, client, command) {
  const said = await client.send(command).then(
    () => "nothing",
    (error) => error.name,
  );
  expect(`refusal of ${command.constructor.name}`, said, code);
}

async function launch(client, image) {
  const { Instances } = await client.send(
    new RunInstancesCommand({ ImageId: image, InstanceType: "t3.nano", MinCount: 1, MaxCount: 1 }),
  );
  await waitUntilInstanceRunning(waiting(client), { InstanceIds: [Instances[0].InstanceId] });
  return Instances[0].InstanceId;
}

async function terminate(client, instance) {
  await client.send(new TerminateInstancesCommand({ InstanceIds: [instance] }));
  await waitUntilInstanceTerminated(waiting(client), { InstanceIds: [instance] });
}

async function theImage(client, image) {
  const { Images } = await client.send(new DescribeImagesCommand({ ImageIds: [image] }));
  return Images[0];
}

const instance = await launch(owner, imageId);
const { Reservations } = await owner.send(new DescribeInstancesCommand({ InstanceIds: [instance] }));
const launched = Reservations[0].Instances[0];
expect("state", launched.State, { Code: 16, Name: "running" });
expect("launch time", launched.LaunchTime instanceof Date, true);
expect("group", launched.NetworkInterfaces[0].Groups[0].GroupName, "default");

const { ImageId: captured } = await owner.send(
  new CreateImageCommand({
    InstanceId: instance,
    Name: "by the SDK",
    NoReboot: true,
    TagSpecifications: [{ ResourceType: "image", Tags: [{ Key: "made", Value: "here" }] }],
  }),
);
await waitUntilImageAvailable(waiting(owner), { ImageIds: [captured] });
const image = await theImage(owner, captured);
expect("tags", image.Tags, [{ Key: "made", Value: "here" }]);
expect("public", image.Public, false);
expect("size", image.BlockDeviceMappings[0].Ebs.VolumeSize > 0, true);

await expectRefused(
  "AuthFailure",
  other,
  new RunInstancesCommand({ ImageId: captured, InstanceType: "t3.nano", MinCount: 1, MaxCount: 1 }),
);
await owner.send(
  new ModifyImageAttributeCommand({
    ImageId: captured,
    LaunchPermission: { Add: [{ UserId: otherAccount }] },
  }),
);
const { LaunchPermissions } = await owner.send(
  new DescribeImageAttributeCommand({ ImageId: captured, Attribute: "launchPermission" }),
);
expect("launch permissions", LaunchPermissions, [{ UserId: otherAccount }]);
const shared = await theImage(other, captured);
expect("tags of a shared image", shared.Tags, []);
const others = await launch(other, captured);
await terminate(other, others);

const types = [];
for await (const page of paginateDescribeInstanceTypes({ client: owner, pageSize: 5 }, {}))
  types.push(...page.InstanceTypes.map((type) => type.InstanceType));
expect("types are told once", new Set(types).size, types.length);

await owner.send(
  new EnableImageDeprecationCommand({ ImageId: captured, DeprecateAt: new Date("2035-01-01") }),
);
expect("deprecation", (await theImage(owner, captured)).DeprecationTime, "2035-01-01T00:00:00.000Z");
await owner.send(new DeregisterImageCommand({ ImageId: captured }));
expect("a deregistered image", await theImage(owner, captured), undefined);
await expectRefused("InvalidAMIID.Unavailable", owner, new DeregisterImageCommand({ ImageId: captured }));
await terminate(owner, instance);

console.log(`${checks} checks, ${failed} failed`);
process.exitCode = failed === 0 && checks > 0 ? 0 : 1;
