"""Relations of one subtraction: losses, remainders, parts, comparisons, change, what was before, and plain differences."""

from r1rl.commands.pretrain.wordings.relation import Relation, lines

RELATIONS = (
    # a things, b of them lost: what is left
    Relation(
        ("a - b",),
        {"a": (4, 150), "b": (2, 90)},
        lines("""
        {n} [has|owns] {a} {ts} and [loses|sells|gives away|lends out] {b}. How many [{ts} |]does {he} have [left|now|]?
        {n} had {a} {ts}. {he} [gave|sold|lent|handed] {b} to {o}. [How many are left|How many {ts} does {n} have now|How many does {he} still have]?
        I had {a} {ts} and [lost|sold|gave away] {b}. How many do I [have|have left|still have]?
        I have {a} {ts}. [My brother|My sister|A friend of mine] [takes|borrows] {b} of them. How many [do I have|are left|remain with me]?
        You have {a} {ts} and you [give|sell] {b} of them [to a friend|to {o}|away]. How many do you [keep|have left|have now]?
        There [are|were] {a} {ts} in the {p}. {n} took {b} [out|away|with {him}]. How many [{ts} |]are [still there|in the {p} now|left in the {p}]?
        {a} {ts} were [on the table|in the {p}], but {b} [fell off|got lost|were taken away]. How many [remained|stayed|were left]?
        How many {ts} [are left|remain|does {n} have left] if {n} had {a} and [lost|sold|gave {o}] {b}?
        How many {ts} will {n} have [left|] after [selling|giving away|losing] {b} of {his} {a} {ts}?
        If you take {b} {ts} [out of|from] a {c} of {a}, how many [stay in it|are left in it|remain]?
        Suppose {n} has {a} {ts} and {o} [steals|takes|borrows] {b}. How many [{ts} |]does {n} have then?
        {b} of {n}'s {a} {ts} [were stolen|got lost|were sold|were given away]. [How many {ts} are left|How many remain|What number of {ts} is left]?
        {b} of {n}'s {a} {ts} [broke|were stolen|were sold]. Find the number of [{ts} that are left|remaining {ts}].
        A {c} [holds|contained|has] {a} {ts}. [After|Once] {b} [of them|] [are|have been] removed, how many are [in it|left in the {c}]?
        {a} {ts}, {b} gone. How many [left|are left|remain]?
        {n} started the day with {a} {ts}. By [noon|evening|lunch] {he} had [sold|given away|lost] {b} of them. How many [did {he} have then|were left]?
        From [a collection|a pile|a stock] of {a} {ts}, {n} [sold|removed|gave away] {b}. [How many {ts} are in it now|What is left|How big is it now]?
        {n} [gave|sold] {b} {ts} to {o}. Before that, {he} had {a} {ts}. How many [{ts} |]does {he} have now?
        After {n} bought {a} {ts}, {he} [gave|sent] {b} of them to {o}. How many did {he} [keep|have left]?
        Out of {a} {ts} that {n} [bought|found|collected], {b} were [damaged|lost on the way|given to {o}]. How many does {he} still have?
        [Work out|Find|Calculate|Tell me] how many {ts} are left when {b} of {a} {ts} [have been sold|are taken away|go missing].
        {n} will [sell|give away] {b} of the {a} {ts} {he} [has|owns]. How many will {he} have [left|after that|]?
        [The shop|A store|The market stall] [has|had] {a} {ts} [for sale|in stock|] and {b} [have been|were] sold. How many are [left|unsold|still there]?
        Of the {a} {ts} in the {p}, {n} [took|removed|carried off] {b} on {day}. How many were there [afterwards|on {day} evening|after that]?
        {n} has {a} {ts}. {he} lets {o} have {b} of them. What is the number of {ts} {n} [has now|keeps|is left with]?
        {a} {ts} are in a {c}. Someone takes out {b}. How many {ts} does the {c} still hold?
        We had {a} {ts}. {b} are gone. How many do we [still have|have now]?
        With {a} {ts} in {his} {p}, {n} decided to [sell|give away|donate] {b}. How many {ts} did {he} [keep|have after that]?
        {n} [dropped|lost] {b} of {his} {a} {ts} on the way home, so how many [{ts} |]did {he} bring home?
        The number of {ts} in the {p} was {a}, but it [fell|dropped|went down] by {b}. How many {ts} are there now?
    """),
    ),
    # food eaten or used, things broken or used up
    Relation(
        ("a - b",),
        {"a": (5, 60), "b": (2, 40)},
        lines("""
        {n} has {a} [candies|cookies|grapes|strawberries|nuts] and eats {b}. How many [does {he} have|are left|has {he} left]?
        I had {a} eggs and [broke|used|dropped] {b}. How many do I have [left|]?
        I baked {a} [cookies|muffins|rolls] and we ate {b}. How many are left?
        Mom [baked|made] {a} [pancakes|cupcakes|buns]. The children [ate|have eaten] {b} of them. How many [are left for Dad|were left|are still on the plate]?
        There were {a} [cherries|plums|grapes] in the bowl. {n} ate {b} [of them|]. How many are [still in the bowl|in the bowl now]?
        A pizza was cut into {a} slices and {b} slices [were eaten|are gone]. How many slices are left?
        [The cook|A baker|Grandma] had {a} eggs and used {b} [for a cake|to make omelettes|for breakfast]. How many eggs [does she have now|were not used]?
        {b} of the {a} [eggs|glasses|plates] in the box [broke|were broken|cracked]. How many are [still whole|not broken|unbroken]?
        There were {a} balloons at the party and {b} [popped|burst|flew away]. How many balloons were [left|still there]?
        {a} candles were burning. The wind blew out {b}. How many [are still burning|candles are still lit]?
        {a} snowmen stood in the park and {b} [of them |]melted. How many [snowmen |]are still standing?
        How many [sandwiches|apples|cookies] are left if there were {a} and the [class|guests|boys] ate {b}?
        {n} picked {a} apples but {b} [were rotten|had worms|went bad]. How many [good apples did {he} have|apples could {he} eat]?
        A jug holds {a} cups of [juice|milk|water]. After [we drank|the guests drank|pouring out] {b} cups, how many cups [are in it|are left in the jug]?
        The chef needs {b} of the {a} potatoes for a soup. How many potatoes [will not be used|will be left]?
        The [monkey|dog|hamster|parrot] got {a} nuts and [has eaten|ate] {b}. How many nuts does it still have?
        {n} had {a} [pencils|crayons|markers] and {b} of them [broke|dried out|got lost]. How many can {he} still use?
        {n}'s mother [put|left] {a} crackers on a plate, {b} of which {he} [ate|has eaten]. How many crackers are on the plate?
        If a bag has {a} [candies|jelly beans|pretzels] and you eat {b}, how many do you have left?
        A pack had {a} [batteries|napkins|stamps]. {b} have been used. [How many are left|How many unused ones are there|What is left]?
        {n} bought {a} eggs. On the way home {b} broke. How many eggs [were fine|did {he} still have]?
    """),
    ),
    # passengers, birds, animals, people that leave
    Relation(
        ("a - b",),
        {"a": (5, 80), "b": (2, 50)},
        lines("""
        {a} [birds|crows|sparrows|pigeons] [sit|sat|were sitting] on a [fence|roof|wire]. {b} [fly|flew] away. How many [birds |]are [left|still there]?
        There were {a} [people|passengers] on the [bus|train|tram]. At the [first stop|next stop|station] {b} got off. How many [people |][stayed on|are still on board|are on it now]?
        A bus [carries|has] {a} passengers and {b} get off. How many [are on the bus now|passengers are left]?
        A train left [the city|the station] with {a} passengers. {b} of them got off at the next stop and nobody got on. How many were on the train [then|after that]?
        {a} [guests|children|people] came to the party and {b} [went home early|left before dinner|left]. How many [were still there|stayed]?
        {a} fish [lived|swam] in a tank. {n} [moved|put] {b} into [another tank|the pond]. How many fish are [in the first tank|in the old tank] now?
        A farmer had {a} [sheep|cows|hens|pigs] and {b} of them [ran away|were sold|got lost]. How many [were left|does the farmer have now]?
        In a pond there were {a} frogs. {b} hopped [out|away]. How many frogs are in the pond now?
        {a} [kids|students|boys and girls] were on the playground before {b} [went inside|had to go home]. How many [played on|were left outside]?
        The library had {a} visitors [inside|at noon]. Then {b} left. How many visitors [are inside|remained]?
        How many [ducks|swans|geese] are still on the lake if there were {a} and {b} have [flown off|swum away|flown south]?
        Suppose {a} cars are [parked|standing] in a parking lot and {b} [drive off|leave]. How many cars are [still parked|in the lot]?
        There [are|were] {a} bees in the garden. If {b} of them fly [home|back to the hive], how many [stay|remain in the garden]?
        A club had {a} members [last year|in spring]. {b} have quit. How many members [does the club have now|are there now]?
        {a} runners started the race and {b} [gave up|dropped out|did not reach the end]. How many runners finished [it|the race]?
        {b} of the {a} plants in the garden [died|froze|dried up] [last winter|in the frost|]. How many plants [survived|are still alive]?
        {b} of {a} [leaves|apples|nuts] fell off the tree. How many [are still on the tree|hang on it still]?
        At the bakery {a} people [stood|waited] in line. After {b} [of them |]had been served, how many [were still waiting|were in the line]?
        A ship with {a} [sailors|people] on board [stops at|reaches] a harbor, where {b} leave the ship. How many [sailors and passengers |]are on board now?
        {b} of the {a} [wolves|deer|monkeys] went into the forest. How many did not?
        My grandfather's {a} chickens were out in the yard until {b} of them [slipped|walked|got] through a hole in the fence. How many are still in the yard?
    """),
    ),
    # money spent
    Relation(
        ("a - b",),
        {"a": (5, 150), "b": (2, 100)},
        lines("""
        {n} has ${a} and [spends|pays|loses] ${b}. How much [money does {he} have|does {he} have left|is left]?
        {n} had {a} dollars. {he} [bought a {t} for|spent|paid a friend] {b} dollars. How much money [is left|does {he} have now|remains]?
        I have ${a}. I buy a [book|game|hat|shirt] for ${b}. [How much do I have left|What do I have left|How much money is left]?
        If I spend {b} of my {a} dollars, how many dollars [do I keep|do I have left|are left]?
        {n} paid for a {t} [that cost|costing] ${b} with ${a}. How much change did {he} get [back|]?
        A [book|toy|meal|ticket] costs ${b}. {n} [gives the clerk|pays with|hands over] ${a}. [How much change does {he} get|What is the change|How much does {he} get back]?
        How much change do you get from ${a} [if you buy something for|when you pay|for a bill of] ${b}?
        The [meal|bill|taxi] was ${b} and I paid with ${a}. What's my change?
        {n} got ${a} [for {his} birthday|from {his} grandmother|for mowing lawns] and put ${b} [into a piggy bank|in the bank] and kept the rest. How much did {he} keep?
        A {t} [costs|usually costs|was] ${a}. [Today|This week|In the sale] it is ${b} [off|cheaper]. What [is the price now|does it cost now|do you pay]?
        The [jacket|bike|radio|lamp] is marked at ${a}, but the shop gives a discount of ${b}. How much does {n} [pay|have to pay] [for it|]?
        With a coupon for ${b} off, how much [does|will] {n} pay for [shoes|groceries|a coat] that [cost|would cost] ${a}?
        The price of a [tablet|chair|ticket|phone] [fell|went down|was cut] by ${b}. It was ${a} before. What is the new price?
        A [coat|game|bag] used to cost ${a} and now costs ${b}. [How much cheaper is it now|By how much was the price reduced|How much do you save]?
        {n} [owes|owed] {o} ${a} and [has paid|paid] back ${b}. How much does {he} still [owe|have to pay back]?
        {n} wants [to buy a bike|a bike|a game] that costs ${a}. {he} [has|has saved] ${b}. How much [more does {he} need|is missing|does {he} still have to save]?
        A [watch|guitar|pair of skates] is ${a}. I only have ${b}. How much [am I short|more do I need|money is missing]?
        {n} sold a {t} for ${a}. {he} had [bought it for|paid] ${b}. [What was {his} profit|How much did {he} earn on it|How much profit did {he} make]?
        It costs ${b} to make a [table|dress|cake], which is then sold for ${a}. What is the profit on one?
        {n} earns ${a} a week and spends ${b} [of it|]. How much [does {he} save|can {he} save|is left] each week?
        In {n}'s wallet there [were|had been] {a} dollars, and now there are {b}. How much [did {he} spend|has been spent|money is gone]?
        {n} started with ${a} and came home with ${b}. How much did {he} spend?
        The school play [made|took in|earned] ${a} and the costumes cost ${b}. How much money was left?
        [Work out|Calculate|Find] the change from ${a} [for a bill of|after paying] ${b}.
        Two friends bought a gift for ${a}. One paid ${b}. How much did the other pay?
    """),
    ),
    # how many to a goal, still to do, not yet
    Relation(
        ("a - b",),
        {"a": (6, 180), "b": (2, 120)},
        lines("""
        {n} needs {a} {ts} and [has|already has|has got] {b}. How many [more |more {ts} |]does {he} [still |]need?
        {n} [wants|would like] to have {a} {ts} but [has only|only has] {b}. How many [are missing|must {he} still get|does {he} lack]?
        A book has {a} pages. {n} [has read|read] {b} of them. How many pages [are left|are left to read|has {he} not read yet]?
        I am on page {b} of a book [with|that has] {a} pages. How many pages are left after this one?
        {n} has to [do|solve|finish] {a} [math problems|exercises|tasks] and has done {b}. How many [are left|does {he} still have to do|remain]?
        {o} has [washed|cleaned|painted] {b} of {a} [plates|windows|chairs]. How many are still [to do|waiting]?
        A [trip|bike tour|hike] is {a} miles long. After {b} miles, how [far is it still|many miles are left|much farther is it]?
        It is {a} km to [the city|the sea|grandma's house]. We have [driven|gone|walked] {b} km. How many km [are left|do we still have to go|remain]?
        The [team|class] wants to collect {a} [cans|bottles|signatures] and has {b} so far. How many [more |]does it need [to reach the goal|]?
        How many more {ts} does {n} need to [have|get to|reach] {a} if {he} has {b}?
        How many {ts} must be added to {b} {ts} to [make|get] {a}?
        A [puzzle|mosaic|model ship] has {a} pieces. {n} has put [in|together] {b}. How many pieces are [not used yet|left|still to be placed]?
        To win [the game|the match], a player needs {a} points. {n} has {b}. How many [points |]does {he} still need?
        {n} is making {a} [cards|bracelets|invitations] and [has finished|is done with] {b}. How many must {he} still make?
        A movie [lasts|is|runs] {a} minutes, and {b} minutes [have passed|are over]. How many minutes [are left|remain|is it until the end]?
        {n} wants to [swim|run] {a} laps. So far {he} has done {b} laps. How many laps [to go|are left|does {he} have to do]?
        The stairs [have|to the tower have] {a} steps. {n} has climbed {b}. How many steps [are there to the top|are still ahead|are left]?
        The album has room for {a} [stickers|photos|stamps]. {n} has [filled|put in] {b}. How many [more fit|places are empty|are missing]?
        [There are|We expect] {a} guests. {b} are here already. How many [have not come yet|are still missing|are still to come]?
        A mailman has {a} letters [in his bag|to deliver] and [delivers|has delivered] {b}. How many letters [are still to be delivered|are left in his bag|does he still have]?
        {n} ordered {a} {ts}. {b} [arrived|came] on {day}. How many are [still missing|still to come]?
        The tank takes {a} liters and there are {b} liters in it. How many liters [are needed to fill it|can be added|fit in still]?
        Our goal is {a} dollars. We have raised {b}. How much [more do we need|is missing|is still needed]?
        {n} must learn {a} words for the test and [knows|has learned] {b} [of them|]. How many words [does {he} not know yet|are left to learn]?
        I need {a} {ts}. I have {b}. How many more?
        If {n} has planted {b} of {a} [seeds|trees|tulips], how many [are not planted yet|must {he} still plant]?
        The download has {a} files and {b} are done. How many files are [left|not done]?
    """),
    ),
    # the part that is not something
    Relation(
        ("a - b",),
        {"a": (6, 120), "b": (2, 90)},
        lines("""
        There are {a} [children|students|pupils] in [the class|a class|the school choir]. {b} are girls. How many are boys?
        Of {a} [children|kids] [at the camp|in the park|on the team], {b} are boys. How many girls are there?
        {n} has {a} {ts}. {b} [of them |]are {color} and the [rest|others] are {color2}. How many [are {color2}|{color2} {ts} does {he} have]?
        {b} of {n}'s {a} {ts} are {color}. How many are not [{color}|]?
        A [box|bag|jar] has {a} {color} and {color2} {ts}. {b} of [them|the {ts}] are {color}. How many {color2} [ones|{ts}] are there?
        A class has {a} students and {b} are absent [today|]. How many are [present|here|in school]?
        {b} of {a} students came [by bus|on foot]. How many did not [come that way|]?
        A [hall|cinema|theater|bus] has {a} seats. {b} are [taken|filled|occupied]. How many are [empty|free]?
        A test had {a} questions. {n} [got|answered] {b} right. How many did {he} get wrong?
        Of the {a} questions on a quiz, {n} had {b} wrong. How many [were right|correct answers did {he} have]?
        {n} answered {b} of {a} questions. How many did {he} [leave out|skip|not answer]?
        [Altogether|Together|In total] {n} and {o} have {a} {ts}. {n} has {b}. How many does {o} have?
        {n} and {o} [found|picked|collected] {a} {ts}, {b} of which were [found|picked|collected] by {n}. How many were {o}'s?
        {n} has {a} {ts} and {us}. {b} are {ts}. How many {us} [are there|does {he} have]?
        A [farm|farmer] has {a} animals, [only cows and goats|all cows or goats]. If {b} are cows, how many goats are there?
        A {c} [holds|has] {a} [fruits|pieces of fruit]: apples and pears. There are {b} apples. How many pears [are there|are in it]?
        {a} tickets were printed and {b} were [sold|bought]. How many [were not sold|were left over|unsold tickets were there]?
        {n} [threw|shot] the ball {a} times and [scored|hit] {b} times. How many times did {he} miss?
        {n} has {a} coins in two [pockets|jars|boxes]. One holds {b}. How many are in the other [one|]?
        In a [zoo|pet shop] there are {a} birds. {b} are parrots. How many [are not|are other birds|birds are of other kinds]?
        {b} of the {a} birds in a zoo can fly. How many [cannot|are unable to]?
        {n} put {a} {ts} in two {cs}. {b} went [into the first|into one]. How many went into the [other|other one]?
        The team [played|has played] {a} [games|matches] and lost {b}. There were no draws. How many did it win?
        Among {a} [eggs|bulbs|chairs] there are {b} [broken|bad] ones. How many are [good|fine]?
        A hotel has {a} rooms and guests in {b} of them. How many rooms are [free|empty|without guests]?
        {n} has {a} {ts}, and {b} of them are [old|small]. [Find|Work out|Tell me] the number of {ts} that are not.
        {a} people work [in an office|at a factory|in a bank]. {b} [have|own] a car. How many [have no car|do not]?
        The choir has {a} singers: {b} adults, the rest children. How many children [sing in it|are in the choir]?
        [Two numbers add up to|The sum of two numbers is] {a}. One of [them|the numbers] is {b}. What is the other [one|number|]?
        If {b} of {a} [phones|cups|bikes] are [black|new], how many are [not|of another kind]?
        A rope of {a} meters is cut in two. One piece is {b} meters [long|]. How long is the other?
        How many {ts} are in the second {c} if both {cs} together hold {a} and the first holds {b}?
        The trip took {a} minutes, with {b} minutes on the bus and the rest on foot. How long was the walk?
    """),
    ),
    # comparison: how many more or fewer
    Relation(
        ("a - b",),
        {"a": (4, 150), "b": (2, 90)},
        lines("""
        {n} has {a} {ts} and {o} has {b}. How many more [{ts} |]does {n} have [than {o}|]?
        {n} has {a} {ts}. {o} has {b} {ts}. How many [fewer|fewer {ts}] does {o} have [than {n}|]?
        {o} has {b} {ts}, {n} has {a}. [What is the difference|How big is the difference|By how many does {n} have more]?
        How many more {ts} does {n} have than {o} if {n} has {a} and {o} has {b}?
        {o} [found|bought|made] {b} {ts}, while {n} [found|bought|made] {a}. How many more [was that|did {n} get|is that]?
        There are {a} {ts} and {b} {us} in the {p}. How many more {ts} than {us} are there?
        In the {p} are {b} {us} and {a} {ts}. [How many fewer {us} than {ts} are there|By how many are there more {ts} than {us}|What is the difference in number]?
        {n} has {a} {ts} but only {b} {us}. How many {us} [would {he} need|must {he} get] to have [the same number of both|as many {us} as {ts}]?
        I have {a} {ts}, you have {b}. How many more do I have?
        My sister has {b} {ts} and I have {a}. How many [fewer does she have|more do I have]?
        The [red|blue|home] team scored {a} points and the [green|yellow|visiting] team {b}. By how many points did the [winner|winning team|better team] win?
        {n} [read|wrote] {b} pages on {day} and {a} on {day2}. How many more [pages |]did {he} do on {day2} [than on {day}|]?
        A shop sold {a} {ts} on {day} and {b} on {day2}. How many fewer did it sell [on the second day|the second time]?
        There are {a} children and {b} adults at the [party|pool|show]. How many more children than adults are there?
        {n} needs {a} minutes for [the homework|the way to school] and {o} [needs|only needs] {b}. How many minutes [faster is {o}|longer does {n} take]?
        {n} [ran|swam|rowed|skated] {a} meters; {o} managed {b}. How many meters farther did {n} get?
        [Compare|Look at] two [jars|boxes|bags]: one has {a} {ts}, the other {b}. How many more are in the [fuller one|first]?
        {n} got {a} messages and {o} got {b}. How many messages [more than {o} did {n} get|fewer did {o} get]?
        By how many {ts} is {a} {ts} more than {b} {ts}?
        {n} picked {a} apples, but {o} [came home with only|only picked] {b}. How many [fewer is that|more does {n} have]?
        There are {b} [chairs|plates|hats] for {a} [guests|children|people]. How many [people |]will not get one?
        {a} children want to [ride|sit], but there are only {b} [bikes|seats|ponies]. How many children [have none|must wait|have to wait]?
        A [cat|dog] weighs {b} [kg|pounds] and a [goat|pig] weighs {a}. What's the difference [in weight|]?
        [Find|Calculate|Work out] how many more {ts} are in a {c} of {a} than in a {c} of {b}.
        {n} collected {a} {ts} and {o} collected {b}. How many more must {o} collect to [catch up|have the same number|have as many as {n}]?
    """),
    ),
    # older, taller, heavier, longer, dearer
    Relation(
        ("a - b",),
        {"a": (20, 180), "b": (5, 150)},
        lines("""
        {n} is {a} cm tall and {o} is {b} cm [tall|]. How much taller is {n} [than {o}|]?
        {o} [weighs|has a weight of] {b} kg. {n} weighs {a} kg. How many [kilograms|kg] heavier is {n}?
        A [pole|rope|river|plank] is {a} meters long and [another|a second one] is {b} meters. How much [longer is the first|shorter is the second] [one|]?
        A [book|coat|lamp|toy] costs ${a} in one shop and ${b} in another. [How much cheaper is it in the second|How much do you save in the second shop|What is the difference in price]?
        A {t} costs ${a} and a {u} costs ${b}. How much more [does the {t} cost|expensive is the {t}|do you pay for the {t}]?
        One [tree|tower|house] is {a} feet high, the other {b} feet. How many feet [higher is the first|lower is the second|are between them in height]?
        The [blue|red] car goes {a} km an hour and the [white|black] car {b}. How much [faster is the faster car|slower is the slower car]?
        The [road|path] over the hill is {b} km and the [road|path] around it is {a} km. How many km [shorter is the way over the hill|do you save over the hill]?
        How much longer is a string of {a} cm than [one of|a string of] {b} cm?
        A [bucket|tank|barrel] holds {a} liters, a [smaller one|jug] {b} liters. How many liters less does the [smaller|small] one hold?
        Last year the [plant|sunflower|boy|girl] was {b} cm tall. Now the height is {a} cm. How [much growth was that|many cm were added|big is the change]?
        {n}'s bag [weighs|is] {a} pounds, {o}'s bag {b} pounds. By how much is {n}'s bag heavier?
        The [sunflower|fir tree] [measures|is] {a} inches and the [rose|bush] {b} inches. What is the difference in height?
        A [train|movie] takes {a} minutes and a [plane|cartoon] {b}. How many minutes shorter is the [second|latter]?
        How much taller is a [door|horse|wall] of {a} cm than a [table|dog|box] of {b} cm?
    """),
    ),
    # ages
    Relation(
        ("a - b",),
        {"a": (8, 90), "b": (2, 60)},
        lines("""
        {n} is {a} [years old|] and {o} is {b} [years old|]. How [many years older is {n}|much older is {n} than {o}|many years younger is {o}]?
        I am {b} and my [mother|father|uncle|grandpa] is {a}. [How much older is he or she than I|What is the difference between our ages|How many years are between us]?
        {n} is {a}. {o} is {b} years younger. How old is {o}?
        {n} is {a} years old. How old was {he} {b} years ago?
        How old is {o} if {o} is {b} years younger than {n}, [who is|and {n} is] {a}?
        {b} years ago, how old was [a woman|a man|someone] who is now {a}?
        My [aunt|teacher|cousin|dad] is {a}, and I am {b} years younger. [How old am I|What is my age]?
        My [aunt|teacher|cousin|mom] is {a}, and her [brother|husband|brother-in-law] is {b} years younger. How old is he?
        In {b} years, {n} will be {a} [years old|]. How old is {he} [now|today]?
        {n}'s [brother|sister|cousin] is {b} years younger than {n}. {n} is {a}. How old is the [younger child|younger one|younger of the two]?
        {n} is {b} now. In how many years will {he} be {a}?
        {n} turned {a} this year. {he} has lived in [the city|the same house] since {he} was {b}. For how many years is that?
        {n} was {b} [years old|] when [the baby|{his} brother|{his} daughter] was born. Now {n} is {a}. How old is the [baby|child|other one] now?
        {n} is {b} years older than {o}. {n} is {a}. How old is {o}?
        The [house|tree|school] is {a} years old and the [barn|bush|gym] next to it is {b}. How many years [older is the first|apart are they]?
        Tell me {n}'s age {b} years [ago|before today] if {he} is {a} now.
        The ages of {n} and {o} [add up to|together make|sum to] {a}. {n} is {b}. How old is {o}?
        {n} is {a} and started [school|to work|to play the piano] {b} years ago. How old was {he} [then|at the start]?
    """),
    ),
    # somebody has b fewer than another
    Relation(
        ("a - b",),
        {"a": (5, 150), "b": (2, 80)},
        lines("""
        {n} has {a} {ts}. {o} has {b} [fewer|less|fewer {ts}] [than {n}|]. How many [{ts} |]does {o} have?
        {o} has {b} [fewer|less] {ts} than {n}, [who has|and {n} has] {a}. How many does {o} have?
        {n} has {b} more {ts} than {o}. {n} has {a}. How many [{ts} |]does {o} have?
        If {n} has {a} {ts}, which is {b} more than {o} has, how many does {o} have?
        There are {a} {ts} in the {p} and {b} fewer {us}. How many {us} are there?
        A {t} costs ${a}. A {u} costs ${b} less. [How much is the {u}|What does the {u} cost|What is the price of a {u}]?
        {n} read {a} pages on {day} and {b} fewer on {day2}. How many pages did {he} read on {day2}?
        The [first|red|big] box has {a} {ts}, which is {b} more than the other box has. How many are in the other [box|]?
        {n} is {a} cm tall. {o} is {b} cm shorter. How tall is {o}?
        Class A has {a} [students|pupils|kids]. Class B has {b} fewer. How many are in class B?
        How many {ts} does {o} have if {n} has {a} and {o} has {b} [fewer|less]?
        I have {a} {ts}. My friend has {b} fewer than me. How many does my friend have?
        My brother has {b} [fewer|less] {ts} than I have. I have {a}. How many does [he|my brother] have?
        The [big|old] dog weighs {a} pounds, and the [puppy|cat] weighs {b} pounds less. How many pounds does the [smaller|lighter] animal weigh?
        {n} [scored|made|got] {a} points, {b} more than {o}. How many points did {o} [score|make|get]?
        {n} worked {a} hours [last week|last month]. This time it was {b} hours less. How many hours [did {he} work this time|was that]?
        A [bus|car] ride takes {a} minutes. The train is {b} minutes faster. How long does the train take?
        It took {n} {a} minutes to clean the {p}, but {o} did it in {b} minutes less. How long did {o} take?
        The number of girls at the party is {b} less than the number of [adults|grown-ups], which is {a}. How many girls are there?
        Today the shop sold {b} fewer [loaves|cakes|pies] than yesterday, when it sold {a}. How many did it sell today?
        {o} would have as many {ts} as {n} if {o} had {b} more. {n} has {a}. How many does {o} have?
    """),
    ),
    # what was there before a gain; how many were added or taken away
    Relation(
        ("a - b",),
        {"a": (6, 150), "b": (2, 100)},
        lines("""
        {n} [bought|got|found] {b} [more |]{ts} and now has {a}. How many [{ts} |]did {he} have [before|at first|to begin with]?
        After [getting|buying|finding] {b} more {ts}, {n} has {a}. How many [{ts} |]did {he} have [at first|before that|at the start]?
        {n} had some {ts}. {o} gave {him} {b} more. Now {he} has {a}. How many did {n} have [at the beginning|before]?
        There were some [birds|ducks|cats] on the [roof|lawn]. {b} more came. Now there are {a}. How many were there [at first|before]?
        {n} had {b} {ts}. {he} got some more. Now {he} has {a}. How many [did {he} get|were added|{ts} did {he} get]?
        {n} had {a} {ts}. {he} gave some to {o}. Now {n} has {b}. How many [{ts} |]did {he} give [to {o}|away|{o}]?
        {n} had {a} {ts}, sold some of them and [kept|still has] {b}. How many did {he} sell?
        There were {a} {ts} in the {p} [this morning|yesterday]. Now there are {b}. How many [were taken|are gone|have disappeared]?
        {a} people were on a [bus|train]. After the stop there were {b}, and nobody got on. How many got off?
        A bus had {b} passengers. [Some more|More people] got on, and then there were {a}. How many got on?
        How many {ts} did {n} lose if {he} had {a} and [now has|has only] {b} [left|]?
        [If|When] I add {b} [to a number|to my number] I get {a}. What is the number?
        I think of a number and [add|count on] {b}. The result is {a}. What [was|is] my number?
        What must be [added to|put with] {b} to [get|make|give] {a}?
        What do I have to [subtract|take away] from {a} to [get|be left with] {b}?
        {n} had {a} eggs. Some broke and {b} were left. How many broke?
        {n} baked {a} [cookies|rolls]. In the evening there were {b}. How many had been eaten?
        {n} saved ${b} this month and [has|now has] ${a}. How much did {he} have [before|last month]?
        The [rope|ribbon|board] was {a} cm [long|]. A piece was cut off, and {b} cm [remained|are left]. How long was the piece?
        The club [grew|went up] by {b} to {a} members. How many members did it have before?
        {b} children joined the game, so that {a} [were playing|played]. How many [children |]played before?
        With the {b} {ts} that {o} gave {him}, {n} has {a}. How many did {he} have without them?
        {n} put {b} {ts} into a {c}, and then it held {a}. How many were in it [before|already]?
        The [pool|tank|barrel] had {b} liters of water. After the rain it had {a}. How many liters [came in|did the rain bring]?
        [Last year|In spring] the [shelter|farm] had {b} [dogs|goats|rabbits]. Now it has {a}. [What is the increase|By how many did the number grow|How many more is that]?
        A [plant|puppy|baby] weighs {a} ounces after gaining {b} ounces. How much did it weigh before?
        Some {ts} and {b} {us} make {a} things in all. How many {ts} are there?
        From {a} {ts}, {n} took out a few until only {b} were [left|there]. How many did {he} take out?
    """),
    ),
    # pieces cut off, liquids, weights, temperatures, levels, floors
    Relation(
        ("a - b",),
        {"a": (5, 100), "b": (2, 60)},
        lines("""
        A [rope|ribbon|board|pipe] is {a} [cm|inches|feet] long. {n} cuts off {b}. How long is [it now|the rest]?
        {n} cut {b} meters from a [rope|cable|hose] of {a} meters. How [long is the rest|many meters are left]?
        It was {a} degrees [at noon|in the afternoon]. By [night|evening] it was {b} degrees colder. How many degrees was it then?
        The temperature was {a} degrees and [has fallen|fell|dropped|went down] by {b} degrees. What is [it now|the temperature now|the new temperature]?
        It is {a} degrees now. If it [gets|becomes] {b} degrees colder, what will the temperature be?
        At noon it was {a} degrees, at night {b}. [By how many degrees did it fall|How much colder was it at night|What was the drop]?
        A [bottle|barrel|bucket] had {a} liters in it and {b} liters [leaked out|were poured out|were drunk]. How much is [left|in it now]?
        A car had {a} liters of [gas|fuel] and used {b} on the trip. How many liters are [left|in the tank]?
        {n} weighed {a} kg and lost {b} kg. [What does {he} weigh now|How many kg does {he} weigh now|What is {his} new weight]?
        The [elevator|lift] is on floor {a} and goes down {b} floors. On which floor is it now?
        {n} is on step {a} and walks down {b} steps. [On which step is {he} now|Which step is {he} on]?
        A bag of [flour|rice|sugar] had {a} pounds. The baker used {b} pounds. How many pounds [of it |]remain?
        My phone battery was at {a} percent and went down by {b}. What percent is it at?
        A [candle|pencil] was {a} cm long and is now {b} cm shorter. How long is it now?
        The [lake|snow|river] was {a} cm deep and sank by {b} cm. How deep is it now?
        {n} had {a} points in the game and lost {b} [points|of them|]. How many points does {he} have [now|]?
        A [snail|spider] climbed {a} cm up and slid {b} cm down. How far up is it?
        {n} walked {a} steps forward and {b} steps back. How many steps is {he} from the start?
        A [box|crate] with fruit weighs {a} kg. Empty it weighs {b} kg. What does the fruit weigh?
        Count back {b} from {a}. Where do you [end|stop|land]?
        If {a} cm of wood are shortened by {b} cm, what length is left?
        We are {a} km from home. If we drive {b} km toward home, how far away are we?
    """),
    ),
    # minutes and days
    Relation(
        ("a - b",),
        {"a": (10, 120), "b": (2, 90)},
        lines("""
        {n} has {a} minutes [of free time|before the bus comes|for the test] and uses {b}. How many minutes are left?
        The cake must bake for {a} minutes and has been in the oven for {b}. How much longer [must it bake|does it need]?
        {n} may play for {a} minutes and has played for {b}. How many minutes may {he} still play?
        The [holiday|vacation|camp] lasts {a} days. {b} days are over. How many days are left?
        A lesson is {a} minutes long. It began {b} minutes ago. In how many minutes does it end?
        Today {n}'s birthday is {a} days away. How many days away will it be in {b} days?
        A [job|walk|ride] that took {a} minutes now takes {b}. How many minutes [are saved|shorter is it now]?
        The train comes in {a} minutes and the bus in {b} minutes. How many minutes after the bus does the train come?
        The bus was due in {a} minutes. {n} has waited {b} minutes [already|]. How long [must {he} still wait|is it until the bus comes]?
        {n} practiced {a} minutes on {day} and {b} on {day2}. How many minutes less was it on {day2}?
        The film is {a} minutes, but {n} fell asleep after {b}. How many minutes did {he} miss?
        The song lasts {a} seconds, of which {b} have been played. How many seconds are [left|still to come]?
    """),
    ),
    # plain differences
    Relation(
        ("a - b",),
        {"a": (3, 200), "b": (1, 150)},
        lines("""
        What is {a} minus {b}?
        [What's|What is|Calculate|Find|Tell me] the difference [between|of] {a} and {b}.
        What is the difference between {b} and {a}?
        [Take|Subtract|Deduct] {b} from {a}. What [is left|do you get|is the result]?
        [Subtract|Take] {b} from {a}.
        [Work out|Calculate|Compute|Find] {a} - {b}.
        {a} - {b} is what?
        How much is {a} [less|minus|take away|-] {b}?
        What [number is|do you get if you go] {b} less than {a}?
        By how much is {a} [larger|greater|more|bigger] than {b}?
        By how much is {b} [smaller|less] than {a}?
        How many more is {a} than {b}?
        How far is it from {b} to {a} on the number line?
        If you [reduce|lower|decrease] {a} by {b}, what [do you get|is the result|number is that]?
        [Start with|Begin at] {a} and [take away|go back|subtract] {b}. What do you have?
        {a} is {b} more than which number?
        Which number is {b} [smaller|less] than {a}?
        {b} plus what number [is|makes|equals] {a}?
        {a} take away {b}?
        Decrease {a} by {b}.
        What remains of {a} [after|when] {b} [is|has been] taken away?
        What is left if you remove {b} from {a}?
    """),
    ),
    # short ones, as typed into a chat, and other situations
    Relation(
        ("a - b",),
        {"a": (4, 70), "b": (2, 50)},
        lines("""
        I have {a} [eggs|apples|coins|cookies] and [give you|drop|lose] {b}. How many do I have?
        I got {a} [balloons|bubbles]. {b} popped. How many are left?
        I have {a} [cookies|grapes|chips] and I eat {b}. How many left?
        {n} had {a} [balloons|kites] but {b} flew away. How many are left?
        My phone has {a} [photos|songs|messages] and I delete {b}. How many are [left|still on it]?
        {n} gets {a} emails and answers {b}. How many are [unanswered|not answered|still to answer]?
        {n} had {a} lives in a [video |computer |]game and lost {b}. How many lives [are left|does {he} have]?
        The library has {a} copies of a book. {b} are [lent out|checked out|borrowed]. How many are [on the shelf|in the library|left to borrow]?
        {n} bought {a} [tokens|tickets] at the fair and [used|spent] {b} on rides. How many [does {he} still have|are left]?
        The [florist|flower shop] had {a} roses. {b} were sold [before noon|by closing time]. How many roses [were not sold|were left]?
        {n} has {a} [socks|shirts] in the wash and hangs up {b}. How many [still have to be hung up|are not on the line yet]?
        A tree had {a} [apples|pears|lemons]. {n} picked {b} of them. How many are still on the tree?
        {a} [kids|players] began a game of tag. {b} are out. How many are [still in|still playing]?
        There are {a} lights in the house. If {n} turns off {b}, how many [are still on|stay on]?
        I bought {a} [stamps|cards] and mailed {b} letters, one on each. How many do I still have?
        A [team|farm|company] has {a} [workers|helpers] and {b} are on holiday. How many are [working|at work]?
        {a} ants [carry|find] a crumb. {b} [go|run] away. How many ants are left?
        If I have {a} [dollars|euros] and you take {b}, what do I have?
        {n} has read {b} of the {a} books on {his} shelf. How many has {he} not read?
        There were {a} cupcakes. How many are left after {b} are eaten?
        {n} had {a} tomato plants. Rabbits ate {b} of them. How many plants [are left|grow there still]?
        How many [ducks|hens|horses] does {n} have left after selling {b} of {a}?
        Of {a} [bulbs|lamps], {b} do not [work|light up]. How many [do|work]?
        {n} made {a} [bracelets|scarves|cards] and kept {b} [for {his} family|]. The others were sold. How many were sold?
        One number is {a} and the other is {b}. By how much do they differ?
        {n} counted {a} [cars|trucks] on the road, {b} of them {color}. How many had another color?
        A parking lot has {a} spaces, {b} with a car in them. How many cars can still [come|park]?
        {n} invited {a} friends. {b} said no. How many [are coming|said yes], if all answered?
        A cage had {a} mice. Someone left the door open, and {b} got out. How many mice are [still inside|in it now]?
        Imagine a [shelf|bag|{c}] with {a} {ts}. You take {b}. How many do you leave there?
        [Please |]tell me how many {ts} I have if I had {a} and gave {o} {b}.
        Give me the number of {ts} that are left: {a} at first, {b} sold.
        {o} asked {n} for {b} {ts}, and {n}, who had {a}, [agreed and gave them|handed them over]. How many did {n} have then?
        {n} carries {a} {ts} up the stairs and drops {b} on the way. How many reach the top?
        Every {t} has a price tag except {b} of the {a} {ts} in the shop. How many [have a tag|price tags are there]?
        {n} has {a} {ts}. All but {b} are {color}. How many are {color}?
        {n} [sold|gave away] all but {b} of {his} {a} {ts}. How many did {he} [part with|let go]?
        There are {a} {ts} in two {cs}. If {b} are in the [first|left] one, how many are in the [other|other one]?
        {o} packed {a} {ts} and unpacked {b} again. How many are still packed?
        {n} wants to put one {t} into each of {a} {cs} but has only {b} {ts}. How many {cs} [get none|stay empty]?
    """),
    ),
    # from a constant
    Relation(
        ("100 - a",),
        {"a": (2, 98)},
        lines("""
        How much is missing from {a} to 100?
        {n} got {a} of 100 [points|marks] [in a test|on the exam]. How many did {he} lose?
        {n} pays with a [$100 bill|hundred dollar bill] for something that costs ${a}. How much [change does {he} get|does {he} get back]?
        If {a} percent of the [children|people|voters] say yes, what percent [do not|do not say yes]?
        The battery is at {a} percent. How many percent are missing to full?
        {n} has {a} {ts} and wants 100. How many more [are needed|does {he} need]?
        A [string|stick|ribbon] of 100 cm is shortened by {a} cm. How many cm are left?
        A hundred {ts} were in the {p}, and {a} [were taken|are gone]. How many are left?
    """),
    ),
    Relation(
        ("60 - a",),
        {"a": (2, 58)},
        lines("""
        {n} has an hour and has used {a} minutes. How many minutes are left?
        A lesson of one hour has been going on for {a} minutes. How many minutes are left?
        It is {a} minutes past three. How many minutes is it until four o'clock?
        An hour-long show is {a} minutes in. How long is it until the end, in minutes?
    """),
    ),
    Relation(
        ("12 - a",),
        {"a": (2, 11)},
        lines("""
        {n} bought a dozen eggs and [used|broke|ate] {a}. How many are left?
        A dozen [donuts|rolls|muffins] were in the box, and we ate {a}. How many remain?
        It takes {n} a year to pay off a bike. {a} months [have passed|are over]. How many months are left?
        {n} has {a} {ts}. How many [are missing|more does {he} need] to make a dozen?
        From a dozen {ts} {n} gives {a} to {o}. How many does {he} keep?
    """),
    ),
    Relation(
        ("7 - a",),
        {"a": (2, 6)},
        lines("""
        It rained on {a} days of the week. On how many days [was it dry|did it not rain]?
        {n} works {a} days a week. How many [free days does {he} have|days does {he} not work] in a week?
        On {a} days of the week {n} walks to [work|school], and on the others {he} [takes the bus|rides a bike|stays at home]. On how many days does {he} not walk?
    """),
    ),
    Relation(
        ("24 - a",),
        {"a": (2, 22)},
        lines("""
        {n} is awake {a} hours a day and sleeps the rest. How many hours does {he} sleep [each day|]?
        A shop is open for {a} hours of the day. How many hours a day is it closed?
        A cat sleeps {a} hours a day. How many hours [is it awake|a day does it not sleep]?
    """),
    ),
)
