/** Names for runs that a person can say aloud, the same for the same id. */
import { Sequence } from "./sequence.ts";

const MANNERS =
  "able agile ample apt bold brave brisk calm clear clever crisp deft eager early fair fleet fresh gentle glad grand happy hardy keen kind light lively lucky mellow merry mild neat nimble noble patient placid plucky proud quick quiet rapid ready serene sharp shy silent sleek smart snug sober spry steady still stout sunny swift tidy trusty vivid warm wary wise witty".split(
    " ",
  );
const BIRDS =
  "avocet bittern bluetit bunting buzzard chough coot crane crossbill curlew dipper dotterel dove dunlin dunnock eider falcon finch fulmar gannet godwit goshawk grebe harrier hawk heron hobby hoopoe ibis jackdaw jay kestrel kingfisher kite knot lapwing lark linnet magpie martin merlin nightjar nuthatch oriole osprey owl pipit plover puffin quail raven redstart robin rook ruff sandpiper shrike siskin skua skylark snipe starling stilt stork swallow swan swift tern thrush treecreeper turnstone wagtail warbler waxwing wheatear whimbrel wigeon wren yellowhammer".split(
    " ",
  );

/** `nimble-heron` */
export function runName(id: string): string {
  const random = new Sequence(id);
  const pick = (words: readonly string[]): string => words[random.word() % words.length] as string;
  return `${pick(MANNERS)}-${pick(BIRDS)}`;
}
