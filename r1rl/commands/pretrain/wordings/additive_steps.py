"""Two steps with plus and minus only: changes one after the other, rests, comparisons, goals, and what was there at first."""

from r1rl.commands.pretrain.wordings.relation import Relation, lines

RELATIONS = (
    # a, then b more, then d fewer
    Relation(
        ("a + b", "#1 - d"),
        {"a": (2, 110), "b": (2, 80), "d": (2, 100)},
        lines("""
        {n} has {a} {ts}. {he} [buys|gets|finds] {b} more and then [loses|sells|gives away] {d}. How many [{ts} |]does {n} have [now|left|in the end]?
        I had {a} {ts}, got {b} [more|from a friend] and [lost|gave away|sold] {d}. How many do I have [now|left|]?
        If I have {a} {ts}, buy {b} [more|] and give {d} to my [brother|sister|cousin], how many [{ts} |]do I [have left|still have]?
        There were {a} {ts} in the {p}. [Somebody|{n}] put in {b} more and [later|then] took out {d}. How many {ts} [are in the {p} now|were in the {p} then|stayed in the {p}]?
        [A|The] bus [had|carried] {a} passengers. At the [next|first] stop {b} [people got on|boarded] and {d} [got off|left]. How many [passengers|people] [are on the bus now|were on the bus then]?
        At a stop {d} people get off a [train|tram|bus] and {b} get on. If there were {a} [people|passengers] before, how many are there now?
        There are {a} birds on a [fence|roof|wire]. {b} [more|] [come|join them|land there], and [a little later|then] {d} fly [away|off]. How many birds are [still there|left on it|sitting there now]?
        [Dad|Mum|Grandma] baked {a} cookies on {day} and {b} [on {day2}|a day later]. The [children|kids|guests] ate {d} of them. How many cookies [are left|remain]?
        {n} [earned|made] ${a} [washing cars|mowing lawns|walking dogs] and ${b} [babysitting|raking leaves]. {he} spent ${d} on [a game|a jacket|books]. How much money does {he} have left?
        I saved ${a}, my aunt [gave me|sent me] ${b} [more|] and I [spent|paid] ${d} [for shoes|on a book]. [How much is left|What do I have left|How much money do I have]?
        How much money [remains|is left] if [somebody|a man|{n}] earns {a} dollars, [gets|is given] {b} dollars more and spends {d} dollars?
        The library [had|owned] {a} books about animals. It bought {b} new ones and then lent {d} to [readers|a school]. How many [of the books|animal books] were [still there|left in the library]?
        A fish tank [holds|has] {a} fish. {n} adds {b} [new|] fish, but {d} [die|are given away]. How many fish [live|are] in the tank now?
        A parking lot [had|held] {a} cars at [noon|nine o'clock]. [In the next hour|Then] {b} cars drove in and {d} drove out. How many cars [were|stood] there [afterwards|then|at the end]?
        Take {a} {ts}, add {b} {ts} and [take away|remove] {d}. How many [{ts} |]do you have?
        Add {b} [{ts} |]to {a} {ts}, then [remove|take away] {d} of them. What number of {ts} [is left|remains]?
        {n} picked {a} [apples|pears|plums] from one tree and {b} from another. {d} of them were [rotten|bad|bruised]. How many [were good|good ones did {he} have]?
        [Our|The] hens laid {a} eggs on {day} and {b} on {day2}. {d} [broke|were sold|got broken]. How many eggs [do we have|are left]?
        A [farmer|shepherd] had {a} sheep. {b} lambs were born and [he sold {d} animals|{d} animals were sold]. How many animals [are there now|does the farm have now|remain]?
        After buying {b} [more|extra] {ts} for a collection of {a}, {n} [sold|traded away|lost] {d}. [How big is the collection now|How many {ts} are in it now]?
        In a [game|quiz] {n} [scored|won] {a} points, then [won|scored] {b} more and lost {d}. [What is {his} score|How many points has {he}|What was the final score]?
        There were {a} guests at the [party|wedding]. {b} [came late|more arrived] and {d} went home early. How many guests [stayed|were there after that]?
        [My phone has|{n} has on {his} phone] {a} photos. After {b} new [pictures|ones] are taken and {d} are deleted, how many photos are [there|on the phone]?
        A tank [contains|holds] {a} litres of water. {b} litres are poured in and {d} litres [leak out|are used]. How many litres [are in it now|remain]?
        {n} has {a} [red|blue|old] {ts} and {b} [green|new|yellow] {ts}. {he} gives {d} of {his} {ts} to {o}. How many [{ts} |]does {he} keep?
        [Work out|Calculate|Find] how many {ts} are [left|there] when {n} [starts with|has] {a}, [receives|gets] {b} and [gives away|uses] {d}.
        {o} [gave|sent] {n} {b} {ts}. {n} already had {a}. Today {he} [lost|used|sold] {d} of all these. How many [{ts} |]has {he} [left|now]?
        {a} boys and {b} girls are in the [class|club|choir]. Today {d} [children|of them] are [ill|absent|missing]. How many [children|] are present?
        The shop had {a} {ts}. A delivery of {b} [came|arrived], and [by evening|on the same day] {d} had been sold. How many {ts} did the shop have [left|then|in the evening]?
        [An elevator|A lift] starts [at floor|on floor] {a}, goes up {b} floors and [comes|goes] down {d}. [At|On] which floor is it [now|]?
        You [have|hold] {a} cards, draw {b} and play {d}. How many cards [are in your hand|do you have]?
        [Suppose|Imagine that] {n} had {a} {ts}, [found|made] {b} and [then|] [ate|broke|lost] {d}. How many would {he} have [left|]?
        {b} {ts} were [put|placed] next to the {a} {ts} on the table, before {n} took {d} [away|of them]. How many {ts} [are on the table|stayed there]?
        A [baker|cook] made {a} [rolls|buns|muffins], then {b} more, and sold {d}. What is left?
        {n} climbs {a} steps, rests, climbs {b} [more|steps more] and [comes|goes] back down {d} steps. How many steps above the [ground|start] is {he} [now|]?
    """),
    ),
    # a, then b fewer, then d more
    Relation(
        ("a - b", "#1 + d"),
        {"a": (8, 150), "b": (2, 100), "d": (2, 90)},
        lines("""
        {n} [had|owned] {a} {ts}. {he} [lost|sold|gave away] {b} and [bought|got|found] {d} [new ones|more|others]. How many {ts} does {he} have [now|]?
        I had {a} eggs, [broke|used|ate] {b} and bought {d}. How many [eggs|] do I have [now|]?
        My brother had {a} {ts}. He gave {b} to me and [got|received] {d} from [Mum|a friend|our uncle]. How many has he [got|] now?
        {b} of the {a} passengers [get off|leave] the bus and {d} [new ones|others] get on. How many [passengers|people] are [on the bus|on board] now?
        A train [left|leaves] the station with {a} people. At the next [station|stop] {b} got off and {d} got on. With how many people did it go on?
        The temperature was {a} degrees. It [fell|dropped] by {b} degrees [at night|in the evening] and rose {d} degrees [the next day|in the morning]. What was the temperature then?
        It was {a} degrees at noon, [became|got] {b} degrees colder and then {d} degrees warmer. How [warm|many degrees] was it [then|in the end]?
        A library had {a} [books|magazines] on a shelf. {b} were [lent|borrowed|taken out] and {d} were [returned|brought back]. How many [are on the shelf now|were on the shelf then]?
        {n} [had|has] ${a}, [spends|spent] ${b} on [lunch|a shirt|tickets] and [earns|earned|gets] ${d}. How much [money|] does {he} have [now|in the end]?
        If {n} has {a} dollars, pays {b} dollars for a [toy|book|cake] and finds {d} dollars, how many dollars [has {he} now|does {he} have]?
        How many {ts} are [there|in the {p}] if {n} takes {b} of the {a} [{ts} |]and [puts|brings] {d} [new ones|] back?
        From {a} {ts}, {b} are [taken away|removed], and then {d} are added. How many [{ts} |]are there [now|at the end]?
        [Take away|Subtract] {b} {ts} from {a} {ts}, then add {d}. [How many is that|How many do you get|What is the result]?
        There [were|are] {a} ducks on the [pond|lake]. {b} [fly|swim] away and {d} [others|new ducks] come. How many ducks are [on it|there] now?
        A parking lot has {a} cars in it. {b} leave [before lunch|in the morning] and {d} [arrive|come in] [later|after lunch]. How many cars are parked there [now|then]?
        A farmer [sold|sells] {b} of {his} {a} [cows|goats|sheep] and [bought|buys] {d} [young ones|calves|lambs]. How many animals does the farmer have [now|after that]?
        The class had {a} pupils. In [May|summer|March] {b} moved away, and {d} new [pupils|children] [joined|came]. How many pupils are in the class now?
        {n} weighed {a} kilos. {he} lost {b} kilos [in spring|last year] and then gained {d} [kilos|]. [What does {he} weigh now|How heavy is {n} now]?
        [We|They] had {a} chairs in the hall. {b} were [broken|carried away] and {d} [were brought in|more came]. How many chairs are in the hall now?
        After [giving|selling] {b} of {his} {a} {ts} to {o}, {n} [won|got|bought] {d} more. How many [{ts} |]does {n} have?
        The [shop|store] opened with {a} {ts}. It sold {b} and then [received|got] {d} from the factory. [What number of {ts} does it have|How many {ts} are in the shop now]?
        A water tank had {a} litres in it. We used {b} litres for the [garden|plants|animals], and the rain [put in|added] {d} litres. How much water is in it [now|]?
        There were {a} candles [in the box|on the cake]. {n} took {b} [out|away], but {o} put {d} back. How many candles are there now?
        {n} had {a} points. A mistake cost {him} {b} points, but the last [question|round] brought {d}. How many points did {he} [have|finish with]?
        [Calculate|Tell me|Find] the number of {ts} {n} has after [losing|using] {b} of {a} and [getting|buying] {d}.
        [My|The] fridge had {a} bottles. [We drank {b}|{b} were emptied] and Dad [put in|bought] {d}. How many full bottles are [there|in the fridge]?
        A fish tank has {a} fish. {n} gives {b} [fish|of them] to {o} and [buys|puts in] {d} [small|golden|new] ones. How many [fish|] are in the tank?
        A team [of|with] {a} players lost {b} [to other clubs|of them] and signed {d} new players. How many players does the team have?
        {n} blew up {a} balloons. {b} burst, so {he} blew up {d} more. How many balloons [are there|does {he} have] for the party?
        A diver is {a} metres deep. She [rises|comes up] {b} metres and then goes down {d} metres. How deep is she [now|]?
        I scored {a}, lost {b}, then got {d} back. What's my score?
    """),
    ),
    # a, then b fewer, then d fewer
    Relation(
        ("a - b", "#1 - d"),
        {"a": (10, 200), "b": (2, 90), "d": (2, 90)},
        lines("""
        {n} had {a} {ts}. {he} gave {b} to {o} and {d} to {q}. How many [{ts} |]does {n} have [left|now]?
        I had {a} [sweets|grapes|nuts]. I ate {b} [before lunch|yesterday|at school] and {d} [later|more today]. How many are left?
        {n} [baked|made] {a} [muffins|rolls|biscuits], [sold|gave away] {b} and [ate|burned|dropped] {d}. How many [remain|are left|does {he} still have]?
        If you [have|start with] {a} {ts}, lose {b} and [then|] give away {d}, how many [{ts} |]do you have left?
        There are {a} {ts} in {n}'s {p}. {o} takes {b} and {q} takes {d}. How many {ts} [stay|are left|remain] in the {p}?
        A book has {a} pages. {n} read {b} pages on {day} and {d} on {day2}. How many pages are [left|still to read]?
        Of {a} pages I [read|have read] {b} [last week|yesterday] and {d} [this week|today]. How many [pages|] do I still have to read?
        A bus with {a} people stops twice. {b} get off at the first stop, {d} at the second. How many [people|] are still on [the bus|it]?
        {n} [has|had] ${a}. {he} pays ${b} for a [hat|bag|cap] and ${d} for [shoes|a coat|a meal]. How much [money|] does {he} have left?
        [Mum|My mother|Grandma] had {a} dollars in her purse and spent {b} at the [market|butcher's] and {d} at the bakery. How much is left in the purse?
        How many {ts} are left [from|of] {a} if {b} are [sold|used] on {day} and {d} on {day2}?
        {b} of {a} birds fly [away|off], then {d} more [go|fly away]. How many [birds|] are left?
        A [rope|ribbon|board] is {a} cm long. {n} cuts off a piece of {b} cm and [a piece|another] of {d} cm. How long is the rest?
        A barrel holds {a} litres of [juice|water|milk]. First {b} litres are [drawn|taken out], later {d} litres. How many litres [are left|remain in it]?
        The trip is {a} km long. {n} [drives|rides] {b} km before [lunch|the first stop] and {d} km after it. How far is it still?
        {a} children [are|were] in the playground. {b} went home at three and {d} at four. How many were [still playing|left]?
        A [farmer|gardener] had {a} [melons|pumpkins|cabbages]. {b} [rotted|went bad] and {d} were sold. How many [were left|remained]?
        [Take|Remove] {b} {ts} and then {d} {ts} from {a} {ts}. How many are left?
        Out of {a} tickets, {b} were sold on {day} and {d} [on {day2}|at the door]. How many tickets were not sold?
        {n} [needs|has to write|must answer] {a} letters. {b} are done [already|], and {o} does {d} [for {him}|]. How many [letters|] are left to do?
        Grandpa had {a} chickens. A fox took {b} [of them|], and he sold {d}. How many chickens has he [left|now]?
        Our [shop|stall] had {a} {ts} [on {day}|in the morning]. [We sold {b} before noon and {d} after|{b} were sold before noon and {d} after it]. How many {ts} did we have [at closing time|left]?
        I am {a} years old. My sister is {b} years younger than me, and my [cousin|brother] is {d} years younger than her. How old is the youngest of us?
        A candle [is|was] {a} mm high. It burns down {b} mm in the first hour and {d} mm in the second. How high is it then?
        [Calculate|Find|Work out] what [is left|remains] of {a} {ts} after {n} [uses|gives away] {b} and [loses|breaks] {d}.
        {a} people started [the race|the run]. {b} gave up in the first half, {d} in the second. How many [finished|reached the end]?
        I had {a} free minutes on my phone. I used {b} [of them|minutes] for a call to {o} and {d} for one to {q}. How many [minutes|] do I have left?
        {n} will give {b} of {his} {a} {ts} to {o} and {d} to {q}. How many will {he} keep?
    """),
    ),
    # a, of which b and d are parts: the rest
    Relation(
        ("b + d", "a - #1"),
        {"a": (10, 200), "b": (2, 90), "d": (2, 90)},
        lines("""
        {n} has {a} {ts}. {b} are {color}, {d} are {color2} and the [rest|others] have other colours. How many are neither {color} nor {color2}?
        Of {a} {ts}, {b} are red, {d} are blue and the rest are green. How many [are green|green {ts} are there|green ones are there]?
        There are {a} flowers in the garden: {b} roses, {d} tulips and some lilies. How many lilies are there?
        A [box|bag] [holds|has] {a} {ts}, {us} and {vs}. {b} are {ts} and {d} are {us}. How many {vs} are [in it|there]?
        {n} buys a book for ${b} and a pen for ${d}. {he} [pays with|had] ${a}. How much [change does {he} get|money is left]?
        I went to the [shop|market] with {a} dollars and bought [bread|a cake] for {b} and [cheese|fruit] for {d}. How much [money do I have left|is left]?
        How much [change|money] is left from ${a} after paying ${b} for a [shirt|game|bike lamp] and ${d} for a [cap|ball|scarf]?
        A [dress|jacket] costs ${b} and a bag costs ${d}. How much will {n} have left of ${a} if {he} buys both?
        {n} [used|spent] {b} of {his} {ts} on {day} and {d} on {day2}. {he} had {a} at the start. How many does {he} have left?
        There are {a} people on a [school trip|boat]. {b} are boys and {d} are girls; the [rest|others] are [teachers|adults]. How many [are neither boys nor girls|grown people are there]?
        {a} people go on a trip. {b} go by bus and {d} by train, and all the others [walk|come by car]. How many [are the others|take neither bus nor train]?
        On a farm [are|there are] {a} animals: {b} cows, {d} pigs and the rest horses. How many horses [are there|does the farm have]?
        A [theatre|cinema|hall] has {a} seats. {b} are taken by children and {d} by [adults|grown-ups]. How many seats are [free|empty]?
        A bus has {a} seats. {b} boys and {d} girls [sit down|are sitting]. How many seats [stay|are] empty?
        Together {n}, {o} and {q} have {a} {ts}. {n} has {b} and {o} has {d}. How many [{ts} |]does {q} have?
        The three sides of a triangle are {a} cm long together. One is {b} cm, another {d} cm. How long is the third [side|one]?
        Three [friends|sisters] are {a} years old [together|in total]. One is {b} and one is {d}. [How old is|What is the age of] the third?
        Three parcels weigh {a} kg [together|in all]. The first weighs {b} kg and the second {d} kg. [How heavy is|What is the weight of] the third?
        A team scored {a} points in three [games|rounds]. It got {b} in the first and {d} in the second. How many points did it get in the third?
        {n} has read {b} pages on {day} and {d} pages on {day2} of a book with {a} pages. How many pages must {he} still read?
        {n} wants to [save|collect] {a} dollars. {he} has [saved|got] {b} from [work|Grandma] and {d} from [a sale|Dad]. How much does {he} still need?
        [Our|The] class wants to [sell|make] {a} [cakes|cards|tickets]. It did {b} in the first week and {d} in the second. How many are [missing|still to do]?
        To win, [a player|you] must have {a} points. {n} has {b} points from round one and {d} from round two. How many [more points does {he} need|points are missing]?
        {n} needs {a} {ts}. {he} has {b}, and {o} brings {d}. How many [more {ts} |more ]does {he} need?
        A village is {a} km away. We [walked|cycled] {b} km and went {d} km by bus. How many kilometres [are left|remain]?
        It takes {a} minutes to get to school. {n} walks {b} minutes, [waits|stands] {d} minutes and sits on the bus for the rest. How long does {he} sit on the bus?
        How many of {n}'s {a} {ts} are at home if {b} are at school and {d} are [with|at the house of] {o}?
        [Find|Work out] the number of {vs} if {b} {ts}, {d} {us} and the {vs} make {a} [things|pieces] altogether.
        [A cook|{n}] had {a} eggs and used {b} for a cake and {d} for pancakes. How many eggs were [left|not used]?
        {a} pupils were asked about pets. {b} have only a cat, {d} have only a dog, and the [rest|others] have no pet. How many pupils have no pet?
        If {b} of {a} lamps are [red|white] and {d} are [yellow|blue], how many lamps have another colour?
        {b} [cents|dollars] for the bread, {d} for the milk: what do I get back from {a}?
    """),
    ),
    # a, then b more, then d more
    Relation(
        ("a + b", "#1 + d"),
        {"a": (2, 90), "b": (2, 60), "d": (2, 60)},
        lines("""
        {n} has {a} {ts}. {he} gets {b} from {o} and {d} from {q}. How many [{ts} |]does {n} have [now|in all|altogether]?
        I [found|picked] {a} [shells|berries|nuts] on {day}, {b} on {day2} and {d} [today|this morning]. How many [is that|did I find] [in total|altogether]?
        {n} scored {a}, {b} and {d} points in three [rounds|games]. [What is the total|How many points is that altogether|What was the final score]?
        A [baker|bakery] sold {a} rolls, {b} cakes and {d} pies. How many [things|pieces] were sold [in all|]?
        A bus starts with {a} [people|passengers]. {b} get on at the first stop and {d} at the second, and nobody gets off. How many are on it [now|then]?
        [A school trip|A trip to the zoo] has {a} boys, {b} girls and {d} teachers. How many [people|persons] [go|are there] [altogether|in all]?
        {n} paid ${a} for [food|a dress], ${b} for [drinks|a hat] and ${d} for [sweets|a book]. How much did {he} [spend|pay] [in total|]?
        What [is the total cost|do I pay] if [bread costs {a} cents, milk {b} cents and an egg {d} cents|a chair costs {a} dollars, a lamp {b} dollars and a plate {d} dollars]?
        How long does the [work|job|homework] take if the first part takes {a} minutes, the second {b} and the third {d} minutes?
        [Mum|{n}] drove {a} km to the [office|station], {b} km to a [shop|friend] and then {d} km home. How far was that [in total|altogether]?
        It was {a} degrees in the morning. By noon it was {b} degrees warmer, and by three it had risen {d} degrees more. What was the temperature at three?
        A [tree|plant] was {a} cm high. It grew {b} cm in [May|the first year] and {d} cm in [June|the second]. How high is it now?
        {n} is {a} years old. In {b} years {he} will [finish school|move away], and {d} years after that {he} will [come back|build a house]. How old will {n} be then?
        The library bought {a} books in [spring|May], {b} in [summer|June] and {d} in [autumn|July]. How many books did it buy [altogether|]?
        There are {a} red, {b} yellow and {d} white [roses|balloons|{ts}] in the {p}. How many are there [in all|altogether]?
        {b} {ts} and {d} {us} are put into a {p} that [already has|holds] {a} {vs}. How many things [are in it|does it hold] then?
        If {n} has {a} {ts}, {o} has {b} and {q} has {d}, how many do [they|the three] have together?
        [Add up|Find the total of] {a} {ts}, {b} {ts} and {d} {ts}.
        [We|They] already had {a} chairs in the hall, then came {b} from the school and {d} from the [church|club]. How many chairs [is that|were there]?
        {n} wrote {a} pages last week, {b} pages yesterday and {d} pages today. How [long|many pages] is the text [now|]?
        [Grandpa|My uncle] has {a} hens, {b} ducks and {d} geese. How many birds does he [have|feed]?
    """),
    ),
    # a and b are parts of d: the third part, the free places, what is missing to a goal
    Relation(
        ("a + b", "d - #1"),
        {"a": (2, 90), "b": (2, 90), "d": (12, 200)},
        lines("""
        {n} has {a} {ts} and {o} has {b}. With {q} they have {d} [{ts} |]altogether. How many does {q} have?
        {n} [read|has read] {a} pages on {day} and {b} on {day2}. The book has {d} pages. How many [pages |]are left?
        {a} boys and {b} girls [got on|are on] a bus with {d} seats. How many seats are [empty|free|left]?
        I have {a} dollars and my brother has {b}. A [tent|bike|game] costs {d} dollars. How much [more do we need|money are we short] to buy it [together|]?
        {n} wants {d} {ts}. {he} [made|has] {a} [before lunch|already] and {o} gave {him} {b}. How many [more does {he} need|are still missing]?
        How many more {ts} does {n} need to have {d} if {he} [found|got] {a} yesterday and {b} today?
        {n} scored {a} points in the first round and {b} in the second. {he} needs {d} points to win. How many must {he} still [score|get]?
        In the first game a team got {a} points, in the second {b}. After three games it had {d}. How many did it get in the third [game|]?
        The first bag has {a} and the second {b} beads. All three bags have {d} beads together. How many are in the third?
        {a} of the {ts} are red and {b} are blue. The [rest|others] are green. There are {d} in all. How many are green?
        A cook has {a} [brown|small] eggs and {b} [white|large] eggs. The recipe for a big [party|cake] needs {d} eggs. How many [more|] must the cook buy?
        [We|They] drove {a} km on {day} and {b} km on {day2}. The whole trip is {d} km. How far is it still?
        My bread weighs {a} grams and my cheese {b} grams. With an apple it is {d} grams. How heavy is the apple?
        {n} is {a} and {o} is {b}. Together with {q} they are {d} years old. How old is {q}?
        {n} and {o} must fold {d} [letters|napkins|shirts]. {n} has done {a}, {o} {b}. How many are left [to fold|]?
        A [school|class] needs {d} chairs. There are {a} in one room and {b} in another. How many must be [brought|borrowed|bought]?
        Our goal was {d} [tickets|cakes]. We sold {a} in the morning and {b} in the afternoon. By how many did we miss the goal?
        One piece of rope is {a} m and the other {b} m. Both were cut from {d} m of rope. How much rope [is left|was not used]?
        The film lasts {d} minutes. I watched {a} minutes [last night|yesterday] and {b} minutes [this morning|today]. How many minutes [are left|have I not seen]?
        {a} [litres|buckets] of water and then {b} are poured into a [tank|pool] for {d}. How many [more|] does it take to fill it?
        [Tell me|Find] how many {ts} are still needed if we have {a} here and {b} [at home|in the {p}] but need {d}.
        I have {a} [stickers|cards], get {b} and want {d}. How many are missing?
        A fish tank has room for {d} fish. {a} red and {b} yellow fish [live|are] in it. How many more fish can be put in?
        {n} paid with ${d}. The [book|cap] cost ${a} and the [pen|ball] ${b}. How much [change did {he} get|did {he} get back]?
    """),
    ),
    # o has b more than n, who has a: the total
    Relation(
        ("a + b", "a + #1"),
        {"a": (2, 75), "b": (2, 48)},
        lines("""
        {n} has {a} {ts}. {o} has {b} more [{ts} |]than {n}. How many do they have [together|altogether|in all|in total]?
        {o} has {b} more {ts} than {n}. If {n} has {a}, how many [{ts} |]do [they|both|the two] have together?
        I have {a} {ts} and my [sister|friend|cousin] has {b} more than I do. How many do we have [together|in all]?
        {n} [picked|ate|counted] {a} [plums|cherries|nuts] on {day} and {b} more than that on {day2}. How many was that on both days [together|]?
        {n} is {a} years old and {o} is {b} years older. [How old are they together|What is the sum of their ages]?
        A [pen|cap] costs {a} dollars. A [book|scarf] costs {b} dollars more [than that|]. What do both cost [together|]?
        A hat costs ${a} and a coat ${b} more than the hat. How much [does {n} pay|must I pay] for [both|the hat and the coat]?
        The way to [school|town|the lake] is {a} km. Because of a detour, the way back is {b} km longer. How long is the whole trip?
        {n} drives {a} km to {o} and takes a road back that is {b} km longer. How far does {he} drive [in all|altogether]?
        There are {a} boys in a [class|choir] and {b} more girls than boys. How many [children|pupils] are in it?
        If a class has {a} girls and {b} more boys than girls, how many [children|pupils] does it have?
        One [box|bag] weighs {a} kg. The other is {b} kg heavier. How much do [they|both] weigh together?
        The shop sold {a} {ts} on {day}, and on {day2} {b} more than on {day}. How many [{ts} |]did it sell in [those two days|all]?
        {n} read {a} pages [yesterday|on {day}]. Today {he} read {b} pages more than that. How many pages did {he} read [in total|on the two days]?
        A [farmer|farm] has {a} cows and {b} more sheep than cows. How many [animals|cows and sheep] is that [altogether|]?
        {n} earned ${a} in the first week and ${b} more than that in the second. How much did {he} earn in both weeks?
        In round one I scored {a}. In round two I scored {b} [points|] more than in round one. What is my total?
        One ribbon is {a} cm long, and [another|a second one] is {b} cm longer. They are sewn together end to end. How long is the [result|whole ribbon]?
        [Find|Calculate] the total number of {ts} if {n} has {a} and {o} has {b} more than {n}.
        [There are {a} red {ts}|The {p} has {a} red {ts}] and {b} more blue ones than red ones. How many [red and blue {ts}|{ts}] are there in all?
        Washing takes {a} minutes. Drying takes {b} minutes longer than washing. How many minutes do both take?
    """),
    ),
    # o has b fewer than n, who has a: the total
    Relation(
        ("a - b", "a + #1"),
        {"a": (5, 110), "b": (2, 80)},
        lines("""
        {n} has {a} {ts}. {o} has {b} [fewer|less]. How many do they have [together|altogether|in total]?
        {n} has {a} {ts}, which is {b} more than {o} has. How many do [they|the two] have together?
        {o} has {b} fewer {ts} than {n}, who has {a}. How many [{ts} |]do they [have|own] in all?
        I am {a} [years old|]. My [sister|brother] is {b} years younger. What is the sum of our ages?
        If {n} is {a} and {o} is {b} years younger than {n}, how old are they together?
        A [coat|bike] costs {a} dollars and a [hat|lamp] {b} dollars less. How much do both cost?
        The shop sold {a} [cakes|rolls|papers] on {day} and {b} fewer on {day2}. How many did it sell in the two days?
        There are {a} girls in the choir. The number of boys is {b} less [than that|]. How many [children|] are in the choir?
        {n} read {a} pages [on {day}|yesterday] and {b} pages fewer today. How many pages [is that|did {he} read] altogether?
        The way there is {a} km, but a short cut makes the way back {b} km shorter. How long is the whole [trip|walk|ride]?
        A red rope is {a} m long. A blue one is {b} m shorter. How long are [both|the ropes] together?
        One parcel weighs {a} kg and the other is {b} kg lighter. What do they weigh together?
        {n} scored {a} points. That was {b} points more than {o}. How many points did they score together?
        A [farmer|farm] has {a} hens and {b} fewer ducks than hens. How many birds is that?
        {n} earned ${a} in [May|June] and ${b} less in [July|August]. How much [money|] did {he} earn in the two months?
        [Find|Work out] how many {ts} there are in two [boxes|bags|jars] when the first has {a} and the second {b} fewer.
        A lesson takes {a} minutes and the break after it is {b} minutes shorter than the lesson. How long are both together?
        We counted {a} {color} cars and {b} fewer vans. How many cars and vans did we count?
        How many {ts} do {n} and {o} have together if {n} has {a} and {o} has {b} fewer?
    """),
    ),
    # a; the second has b more, and the third d more than the second
    Relation(
        ("a + b", "#1 + d"),
        {"a": (2, 110), "b": (2, 45), "d": (2, 45)},
        lines("""
        {n} has {a} {ts}. {o} has {b} more than {n}, and {q} has {d} more than {o}. How many [{ts} |]does {q} have?
        {q} has {d} more {ts} than {o}, who has {b} more than {n}. {n} has {a}. How many does {q} have?
        {n} is {a} years old. {o} is {b} years older than {n} and {q} is {d} years older than {o}. How old is {q}?
        {o} is {b} years older than {n}. {q} is {d} years older than {o}. If {n} is {a}, [how old is {q}|what is the age of {q}]?
        {n} is {a} cm tall. {o} is {b} cm taller, and {q} is {d} cm taller than {o}. How tall is {q}?
        My [dog|cat] weighs {a} pounds. {n}'s dog is {b} pounds heavier than mine, and {o}'s is {d} pounds heavier than {n}'s. How heavy is {o}'s dog?
        A pen costs {a} cents. A ruler costs {b} cents more than the pen, and a [pad|map] {d} cents more than the ruler. What does the dearest of the three cost?
        A shop sold {a} {ts} on {day}, {b} more than that on {day2}, and on the last day {d} more than on {day2}. How many did it sell on the last day?
        The first row has {a} seats, the second {b} more than the first, the third {d} more than the second. How many seats are in the third row?
        A red [rope|stick] is {a} cm long, a blue one {b} cm longer, and a green one {d} cm longer than the blue one. How long is the green one?
        The first floor has {a} windows. The second has {b} more, and the third {d} more than the second. How many windows has the third [floor|]?
        {n} ran {a} minutes on {day}. On {day2} it was {b} minutes longer, and the time after that another {d} minutes longer. How long was the last run?
    """),
    ),
    # a; the second has b more, and the third d fewer than the second
    Relation(
        ("a + b", "#1 - d"),
        {"a": (2, 120), "b": (2, 60), "d": (2, 60)},
        lines("""
        {n} has {a} {ts}. {o} has {b} more than {n}, and {q} has {d} fewer than {o}. How many [{ts} |]does {q} have?
        {q} has {d} {ts} fewer than {o}. {o} has {b} more than {n}, who has {a}. How many has {q}?
        {n} is {a} [years old|]. {o} is {b} years older than {n}, and {q} is {d} years younger than {o}. How old is {q}?
        If {n} is {a} cm tall, {o} {b} cm taller than {n} and {q} {d} cm shorter than {o}, how tall is {q}?
        A hat costs ${a}. A coat costs ${b} more than the hat, and a bag ${d} less than the coat. How much [does the bag cost|is the bag]?
        There are {a} [cows|goats] on the farm. There are {b} more sheep than [that|this], and {d} fewer pigs than sheep. How many pigs are there?
        A melon weighs {a} grams, a pumpkin {b} grams more, and a cabbage {d} grams less than the pumpkin. What is the weight of the cabbage?
        On {day} {a} [people|visitors] came. On {day2} {b} more came, and the day after it was {d} fewer than on {day2}. How many [people|] came on the last day?
        Team A has {a} points. Team B has {b} more than team A. Team C has {d} less than team B. How many points does team C have?
        [Find|Tell me] the age of {q} if {n} is {a}, {o} is {b} years older than {n}, and {q} is {d} years younger than {o}.
        Lake Street is {a} m long, Park Street is {b} m longer than it, and Mill Street is {d} m shorter than Park Street. How long is Mill Street?
    """),
    ),
    # a; the second has b fewer, and the third d more than the second
    Relation(
        ("a - b", "#1 + d"),
        {"a": (6, 150), "b": (2, 90), "d": (2, 60)},
        lines("""
        {n} has {a} {ts}. {o} has {b} fewer than {n}, and {q} has {d} more than {o}. How many [{ts} |]does {q} have?
        {n} is {a} years old, {o} is {b} years younger, and {q} is {d} years older than {o}. [How old is {q}|What is the age of {q}]?
        {n} is {a}. {n} is {b} years older than {o}. How old will {o} be in {d} years?
        My brother is {b} years younger than I am, and I am {a}. How old will he be in {d} years?
        A toy car is ${a}, a ball ${b} less, and a doll ${d} more than the ball. How much is the doll?
        A red stick is {a} cm long. The blue stick is {b} cm shorter than the red one. The green stick is {d} cm longer than the blue one. How long is the green stick?
        {q} has {d} more {ts} than {o}, and {o} has {b} fewer than {n}. {n} has {a}. How many does {q} have?
        {n} has {a} {ts}, {b} more than {o}. [Then {o} gets|Now {o} finds|{o} buys] {d} [{ts}|more]. How many does {o} have now?
        Box A weighs {a} kg. Box B is {b} kg lighter than box A. Box C is {d} kg heavier than box B. What is the weight of box C?
    """),
    ),
    # a; the second has b fewer, and the third d fewer than the second
    Relation(
        ("a - b", "#1 - d"),
        {"a": (8, 190), "b": (2, 80), "d": (2, 80)},
        lines("""
        {n} has {a} {ts}. {o} has {b} fewer than {n}, and {q} has {d} fewer than {o}. How many [{ts} |]does {q} have?
        {n} is {a} years old. {o} is {b} years younger, and {q} is {d} years younger than {o}. How old is {q}?
        {n} is {a}, which is {b} years more than {o}. How old was {o} {d} years ago?
        {n} is {a} cm tall. {o} is {b} cm shorter than {n}. {q} is {d} cm shorter than {o}. [How tall is {q}|What is the height of {q}]?
        A table costs ${a}, a chair ${b} less than the table, and a lamp ${d} less than the chair. What [does the lamp cost|is the price of the lamp]?
        A [coat|bike] cost {a} dollars. The price was cut by {b} dollars and later by {d} [dollars|] more. [What does it cost now|What is the new price]?
        {n} has {a} {ts}, {b} more than {o}. [Then {o} loses|{o} sells|Now {o} gives away] {d}. How many has {o} [left|now]?
        The first class has {a} pupils. The second has {b} fewer, and the third {d} fewer than the second. How many pupils are in the third [class|]?
        The oak is {a} feet high. The pine is {b} feet lower than the oak, and the apple tree is {d} feet lower than the pine. How high is the apple tree?
    """),
    ),
    # after a change: the difference to somebody else
    Relation(
        ("a + b", "#1 - d"),
        {"a": (3, 110), "b": (2, 80), "d": (2, 90)},
        lines("""
        {n} has {a} {ts} and {o} has {d}. {n} [gets|buys|finds] {b} more. How many more [{ts} |]does {n} have than {o} [now|]?
        {n} had {a} {ts} and got {b} more. {o} has {d}. How many {ts} fewer does {o} have [than {n}|]?
        {n} scored {a} in round one and {b} in round two. {o} scored {d} in both rounds together. By how many points [is {n} ahead|did {n} win]?
        A shop sold {a} [pies|cakes] in the morning, {b} in the afternoon, and {d} the next day. How many fewer did it sell [the next day|on the next day] than [the day before|on the first day]?
        There are {a} red {ts}, {b} blue {ts} and {d} green ones. How many more red and blue {ts} are there than green ones?
        {n} has ${a} and [earns|is given] ${b}. A [bag|game|ball] costs ${d}. How much will {n} have after buying it?
        A farm has {a} cows, {b} sheep and {d} goats. By how many do the cows and sheep together [outnumber|exceed] the goats?
        A tree of {a} cm grows {b} cm. The fence beside it is {d} cm high. How much higher than the fence is the tree then?
        How much more did {n} earn than {o} if {n} earned ${a} on {day} and ${b} on {day2}, but {o} only ${d} in all?
        Two children of {a} and {b} pounds sit together on one side of a see-saw. On the other side sits a child of {d} pounds. How much heavier is the side with two children?
    """),
    ),
    # a less b, against d
    Relation(
        ("a - b", "#1 - d"),
        {"a": (10, 190), "b": (2, 80), "d": (2, 80)},
        lines("""
        {n} has {a} {ts} and {o} has {d}. {n} [loses|gives {q}|sells] {b}. How many more than {o} does {n} have [now|then]?
        After selling {b} of {a} {ts}, {n} still has more than {o}, who has {d}. How many more?
        A class of {a} lost {b} pupils. Another class has {d}. How many pupils more does the first class have now?
        {a} people work in the factory and {d} in the office. {b} factory workers leave. By how many are the factory workers then more than the office workers?
        {n} saved ${a} but spent ${b}. {o} has ${d}. How much more [money|] does {n} have than {o}?
    """),
    ),
    # what there was at first: b were lost, d were gained, and now there are a
    Relation(
        ("a + b", "#1 - d"),
        {"a": (3, 110), "b": (2, 80), "d": (2, 90)},
        lines("""
        {n} [got|bought|found] {d} {ts} and then [lost|sold|gave away] {b}. Now {he} has {a}. How many [{ts} |]did {he} have [at first|in the beginning|before]?
        {b} people got off the bus and {d} got on. Now there are {a} [people|passengers] on it. How many were on it before?
        After {n} gave {b} {ts} to {o} and received {d} from {q}, {he} had {a}. How many did {he} have at the start?
        I spent ${b}, then earned ${d}, and now I have ${a}. How much did I [have|start with]?
        [Some|A number of] birds sat in a tree. {d} more came and {b} flew off, so that {a} [were left|remained]. How many [birds|] sat there at first?
        The library lent out {b} books and got {d} back. Now {a} [books|] are on the shelves. How many were there in the morning?
        It is {a} degrees now. It rose by {d} degrees and then fell by {b}. What was the temperature [at first|before that]?
        How many {ts} [were|had there been] in the {p} at first if {d} were put in, {b} were taken out and {a} are in it now?
        {n} made some [cookies|rolls]. {o} brought {d} more. The guests ate {b}, and {a} were left. How many did {n} make?
        A parking lot had some cars. {b} left, {d} arrived, and then there were {a}. How many cars had been there at first?
        {n} had some money. Grandma gave {him} ${d}. After {he} paid ${b} for [a toy|shoes], ${a} was left. How much did {he} have before?
        Think of {n}'s {ts}: {he} used {b}, bought {d}, and has {a} now. [What number of {ts} did {he} start with|How many were there to begin with]?
    """),
    ),
    # how many were lost or gained: a, then b more, and now d
    Relation(
        ("a + b", "#1 - d"),
        {"a": (3, 110), "b": (2, 80), "d": (2, 90)},
        lines("""
        {n} had {a} {ts} and [bought|got|found] {b} more. Then {he} gave some to {o}. Now {he} has {d}. How many [{ts} |]did {he} give to {o}?
        There were {a} [apples|pears|eggs] in the {c}. {n} put in {b} more. In the evening only {d} were left. How many had been [eaten|taken]?
        A bus with {a} people stops. {b} get on and some get off. Now {d} are on it. How many got off?
        {n} had ${a} and earned ${b}. After buying a [coat|radio|present], {he} has ${d} left. [How much did it cost|What was the price of it]?
        I had {a} cards, won {b} and lost some. I have {d} left. How many did I lose?
        The tank had {a} litres in it and we added {b}. Today there are {d} litres in it. How many litres have been used?
    """),
    ),
    Relation(
        ("a - b", "d - #1"),
        {"a": (6, 150), "b": (2, 90), "d": (5, 200)},
        lines("""
        {n} had {a} {ts} and [lost|gave away|sold] {b}. Then {o} gave {him} some, and now {he} has {d}. How many did {o} give {him}?
        There were {a} cars in the lot. {b} left and some came in. Now there are {d}. How many came in?
        {b} of {a} passengers got off and some new ones got on. The bus now has {d} [passengers|people]. How many got on?
        I had ${a}, spent ${b}, was paid for a job, and now I have ${d}. How much was I paid?
        {n} has {a} {ts} but {b} are broken. {he} needs {d} good ones. How many [more good ones|new ones] must {he} buy?
        We have {a} chairs, but {b} cannot be used. {d} guests are coming. How many chairs do we have to borrow?
        {n} had saved ${a} but paid ${b} for [a meal|a gift]. A [bike|radio] costs ${d}. How much [more|] does {he} have to save for it?
        {n} has {a} {ts}. {o} has {d}. If {n} gives {b} to {q}, how many fewer than {o} does {n} have?
        How many {ts} must {n} get to have {d}, if {he} had {a} and {b} got lost?
    """),
    ),
    # the whole d and one part a: how many more are in the other part, or in this one
    Relation(
        ("d - a", "#1 - a"),
        {"d": (8, 200), "a": (2, 90)},
        lines("""
        There are {d} children in the [club|school], and {a} of them are boys. How many more girls than boys are there?
        {n} has {d} {ts}. {a} are [old|red|broken] and the rest are not. How many more [{ts} |]are in the second group than in the first?
        {n} and {o} have {d} {ts} together. {n} has {a}. How many more does {o} have than {n}?
        A book has {d} pages, of which I have read {a}. How many more pages are unread than read?
        Two [bags|boxes] weigh {d} kg together. The lighter one weighs {a} kg. How much heavier is the other?
        Of {d} tickets, {a} were sold to children and the others to adults. By how many did the adult tickets [exceed|outnumber] the children's tickets?
    """),
    ),
    Relation(
        ("d - a", "a - #1"),
        {"d": (8, 200), "a": (5, 150)},
        lines("""
        {d} animals live on a farm. {a} are hens and the others are ducks. How many more hens than ducks [live there|are there]?
        {n} and {o} have {d} {ts} together, and {n} has {a} of them. How many more does {n} have than {o}?
        {n} answered {a} of {d} questions right and the rest wrong. How many more right answers than wrong ones did {he} have?
        Two ropes are {d} m long together. The longer one is {a} m. How much longer is it than the other one?
        Of {d} {ts}, {a} were sold and the rest were kept. How many more were sold than kept?
        A class of {d} has {a} girls. By how many are there fewer boys than girls?
    """),
    ),
    # small numbers, ages and clocks with a fixed number
    Relation(
        ("a + 12", "#1 - b"),
        {"a": (2, 60), "b": (2, 40)},
        lines("""
        {n} has {a} eggs and buys [a dozen|a dozen more]. {he} uses {b} [of them|for cakes|]. How many eggs are left?
        I had {a} {ts}, got a dozen [more|from a friend] and lost {b}. How many do I have?
        A dozen {ts} are put into a {p} with {a} {ts}. Then {b} are taken out. How many are in it?
    """),
    ),
    Relation(
        ("a + b", "60 - #1"),
        {"a": (2, 35), "b": (2, 35)},
        lines("""
        {n} has one hour. {he} spends {a} minutes on [lunch|homework] and {b} minutes on [a walk|cleaning]. How many minutes are left?
        A lesson of an hour has a talk of {a} minutes, then {b} minutes of [reading|games], and the rest is for questions. How many minutes are for questions?
        From an hour on the [court|lake], {a} minutes were lost to rain and {b} to a break. How many minutes remained?
        If I need {a} minutes to wash and {b} minutes to eat, how many minutes of an hour do I have left?
    """),
    ),
    Relation(
        ("a + b", "100 - #1"),
        {"a": (2, 60), "b": (2, 60)},
        lines("""
        {n} has a hundred {ts}. {he} gives {a} to {o} and {b} to {q}. How many are left?
        My phone was at 100 percent. A film used {a} percent and a call {b} percent. How many percent are left?
        An apple costs {a} cents and a pear {b} cents. How many cents do I get back from a dollar?
        {n} walks {a} m of a hundred metres and runs {b} m. How many metres remain?
        A [stick|board] of one metre is cut: one piece is {a} cm, one is {b} cm. How many cm long is the rest?
    """),
    ),
    Relation(
        ("7 - a", "#1 - b"),
        {"a": (2, 4), "b": (2, 4)},
        lines("""
        {n} works {a} days of the week and spends {b} [with {o}|at sea]. How many days of the week are left?
        In a week it rained on {a} days and snowed on {b} others. On how many days was it dry?
    """),
    ),
    # there and back, and a detour
    Relation(
        ("a + a", "#1 + b"),
        {"a": (2, 80), "b": (2, 40)},
        lines("""
        It is {a} km to the [lake|town|farm]. {n} drives there and back, with a detour of {b} km. How far does {he} drive [in all|]?
        {n} [walks|rides] {a} km to {o} and the same way home, plus {b} km around the park. How many km is that?
        {n} and {o} have {a} {ts} each. {q} has {b}. How many do the three have together?
        [Two|Both] bags hold {a} {ts} each, and {b} more lie on the table. How many {ts} are there?
        Each of my two brothers weighs {a} pounds, and our dog {b} pounds. What do they weigh together?
        A ticket there costs ${a}, a ticket back also ${a}, and lunch ${b}. What does the day cost?
    """),
    ),
    # short ones with small numbers: a gain and a loss
    Relation(
        ("a + b", "#1 - d"),
        {"a": (2, 40), "b": (2, 20), "d": (2, 20)},
        lines("""
        {a} {ts} plus {b} {ts} minus {d} {ts}. How many [{ts} |]is that?
        I have {a} {ts}. I get {b}. I lose {d}. How many [{ts} |]do I have?
        {n} has {a} {ts}, buys {b} and [eats|uses|sells] {d}. How many has {he}?
        How many {ts} do I have if I [had|start with] {a}, [found|got] {b} and lost {d}?
        How many [{ts} |]does {n} have after [buying|getting] {b} [more|] and losing {d}, if {he} had {a}?
        You have {a} {ts}, I give you {b} and take [back|away] {d}. How many do you have?
        I put {a} {ts} and {b} {us} in a {p} and take {d} of these things out. How many things are [in it|left in the {p}]?
        {a} {ts} in the {p}, {b} [more|] come in, {d} go out. How many [are in it|now]?
        With {a} {ts} of {his} own and {b} from {o}, {n} has enough to give {d} away. How many does {he} keep?
        Mum gave me {a} {ts}, Dad gave me {b}, and I lost {d}. How many are left?
        My {p} had {a} {ts}. {b} were added [by {o}|] and {d} were taken [by {q}|]. How many are there?
        Both {n}'s {a} {ts} and {o}'s {b} are put in one {p}. {d} get lost. How many [{ts} |]are left?
        {n} made {a} {ts} on {day} and {b} on {day2}, of which {d} were sold. How many were not [sold|]?
        We are {a} children. {b} more come and {d} go home. How many are we?
        What is left if you put {a} {ts} with {b} others and take {d} away?
        A {c} had {a} {ts}. {n} [put in|added] {b} and took {d}. How many {ts} are in the {c}?
        Two {cs} hold {a} and {b} {ts}. {d} are [sold|used|eaten]. How many are left?
        Someone has {a} {color} and {b} {color2} {ts} and throws {d} away. How many [{ts} |]does that leave?
        {d} of the {ts} in two {cs} are broken. One {c} has {a} {ts}, the other {b}. How many [{ts} |]are whole?
        Last year the team had {a} players. Since then {b} have joined and {d} have left. How many players does it have today?
    """),
    ),
    # short ones with small numbers: a loss and a gain
    Relation(
        ("a - b", "#1 + d"),
        {"a": (5, 50), "b": (2, 30), "d": (2, 20)},
        lines("""
        I have {a} {ts}, give away {b} and get {d}. How many [{ts} |]do I have?
        {a} {ts} minus {b} {ts} plus {d} {ts} is how many {ts}?
        I lost {b} of my {a} {ts} and bought {d}. How many have I got?
        How many [{ts} |]has {n} if {he} had {a}, sold {b} and bought {d}?
        {n} trades {b} of {his} {a} {ts} for {d} [better|smaller|other] ones. How many {ts} does {he} have after the trade?
        {n} takes {b} {ts} out of a {c} of {a} and puts {d} {us} in [their place|it]. How many things are in the {c}?
        {b} of {a} {ts} were thrown away. {d} new ones were bought. How many are there?
        {n} lends {b} of {his} {a} {ts} to {o} and gets {d} [of them|] back. How many does {n} have with {him} then?
        My {p} had {a} {ts}, then {b} fewer, then {d} more. How many [{ts} |]are in it now?
        If you have {a} {ts}, eat or lose {b} and find {d}, how many is that?
        {n} had {a} [sweets|cards|coins]; {b} went to {o}, {d} came from {q}. How many does {n} have?
        From a {c} with {a} {ts} somebody took {b}. Later {d} were put [back|in]. How many {ts} does the {c} hold?
        We were {a} people at the [table|party]. {b} left and {d} came. How many are we now?
    """),
    ),
    # short ones with small numbers: two losses
    Relation(
        ("a - b", "#1 - d"),
        {"a": (6, 60), "b": (2, 25), "d": (2, 25)},
        lines("""
        I have {a} {ts}. I give you {b} and lose {d}. How many [{ts} |]do I have left?
        {a} {ts}, {b} gone on {day}, {d} gone on {day2}. How many are left?
        {a} {ts} minus {b} minus {d} leaves how many [{ts}|]?
        {n} sells {b} of {a} {ts} and gives {d} to {o}. How many [stay with {him}|are left]?
        How many of my {a} {ts} are left after I lose {b} and sell {d}?
        How many {ts} does {n} keep if {o} gets {b} and {q} gets {d} of {his} {a}?
        {b} {ts} fell [out of|off] a {c} with {a} {ts}, and {d} more were taken. How many are left in it?
        You had {a} {ts}. You lost {b}. You broke {d}. What's left?
        Yesterday I had {a} {ts}. Last night {b} were [stolen|used], this morning {d}. How many do I still have?
        {n} gave {b} {ts} to {o} and {d} [{ts} |]to {q}. {he} had {a} before. How many has {he} now?
        Of the {a} {ts} in a {c}, {b} go to {n}, then {d} to {o}. The rest stay. How many stay?
        A {c} of {a} {ts} lost {b} [yesterday|on {day}] and {d} [today|on {day2}]. How many [{ts} |]does it still have?
    """),
    ),
    Relation(
        ("b + d", "a - #1"),
        {"a": (6, 60), "b": (2, 25), "d": (2, 25)},
        lines("""
        I have {a} {ts}: {b} are [big|long], {d} are [small|short], and the rest are broken. How many are broken?
        {n} and {o} took {b} and {d} {ts} from a {c} of {a}. How many did they leave?
        How many {ts} are neither {color} nor {color2} if {b} of {a} are {color} and {d} are {color2}?
        {a} {ts} lie in three {cs}. {b} are in the first and {d} in the second. How many [{ts} |]are in the third?
        {b} {ts} for {n}, {d} for {o}, the rest for me. There are {a}. How many [{ts} |]do I get?
        If {b} {ts} and {d} {us} are taken from {a} things, how many things [are left|remain]?
        A {c} holds {a} things. There are {b} {ts} and {d} {us} in it. How many more things can go in?
        I need {a} {ts}. I have {b} here and {d} at home. How many must I [buy|get]?
        Find how many of {a} {ts} are left when {b} {ts} go to one [school|friend] and {d} to another.
        {n} hid {b} of {a} {ts} in the {p} and gave {d} to {o}. The others are on the table. How many are on the table?
        Our [trip|club] has {a} people, {b} [women|boys] and {d} [men|girls] and some babies. How many babies?
    """),
    ),
    Relation(
        ("a + b", "#1 + d"),
        {"a": (2, 40), "b": (2, 30), "d": (2, 30)},
        lines("""
        {a} {ts} and {b} {ts} and {d} {ts}: how many [{ts} |]is that?
        I had {a} {ts}, got {b}, then got {d}. How many do I have?
        One {c} has {a} {ts}, the next {b} and the last {d}. How many {ts} are there in [the three {cs}|all]?
        How many {ts} are there in three {cs} with {a}, {b} and {d} [{ts}|]?
        {n} keeps {a} {ts} in the {p}, {b} under the bed and {d} at school. How many {ts} does {he} have?
        {n} sold {a} {ts} on {day}, {b} on {day2} and {d} on the day after. How many [{ts} |]were sold [in total|]?
        After giving {b} {ts} to {o} and {d} to {q}, {n} has {a}. How many did {he} have [before|at first]?
        {n} gave away {b} {ts}, lost {d} and still has {a}. How many [{ts} |]were there at first?
        I ate {b} [sweets|nuts], my brother ate {d}, and {a} are left. How many were there [before|]?
        {n} has {a} {ts}. That is {b} fewer than {o} has. {q} has {d} more than {o}. How many [{ts} |]has {q}?
    """),
    ),
    Relation(
        ("a + b", "d - #1"),
        {"a": (2, 30), "b": (2, 30), "d": (8, 80)},
        lines("""
        {a} {ts} are in one {c}, {b} in another, and the rest of the {d} [{ts} |]in a third. How many are in the third?
        I ate {a}, you ate {b}. There were {d} {ts}. How many are left?
        {n} found {a} {ts}, {o} found {b}. {d} were hidden. How many [{ts} |]were not found?
        How many [{ts} |]are missing if there should be {d} {ts} but we [see|count] {a} here and {b} there?
        {n} has {a} {ts} and {b} {us}. {o} has {d} {vs}. How many more things does {o} have than {n}?
        {n} has {a} {ts} in one {c} and {b} in another. {o} has {d} {ts}. How many [fewer does {n}|more does {o}] have?
        {n} has {a} {ts}. {he} finds {b}, then {o} brings some, and now there are {d}. How many [{ts} |]did {o} bring?
        I have {a} and you have {b} {ts}. How many more until we have {d}?
        After {n} had [sold|used] {a} {ts} on {day} and {b} on {day2}, how many of {d} were left?
    """),
    ),
    Relation(
        ("a + b", "a + #1"),
        {"a": (2, 30), "b": (2, 20)},
        lines("""
        I have {a} {ts}. You have {b} more [than me|than I have]. How many do we have together?
        One {c} has {a} {ts}. Another {c} has {b} more [{ts} |]than that. How many are in both {cs}?
        {n} has {a} {ts} and {b} more {us} than {ts}. How many [things|{ts} and {us}] does {he} have in all?
        What is the total of {ts} in two {cs}, one with {a} and the other with {b} more than that?
        {n} has {a} {ts}, {b} fewer than {o}. How many do they have together?
        {n} sold {a} {ts} on {day}. That was {b} fewer than on {day2}. How many were sold on both days?
    """),
    ),
    Relation(
        ("a - b", "a + #1"),
        {"a": (4, 50), "b": (2, 30)},
        lines("""
        I have {a} {ts} and you have {b} less. How many have we [together|in all]?
        One {c} has {a} {ts}, another has {b} fewer. How many [{ts} |]are in both [{cs}|]?
        {n} has {a} {ts} and {b} fewer {us} than {ts}. How many [things|{ts} and {us}] is that in all?
        {n} bought {a} {ts}. {o} bought {b} fewer [{ts} |]than {n} did. How many did the two buy?
    """),
    ),
    # ages
    Relation(
        ("a + b", "#1 + d"),
        {"a": (2, 40), "b": (2, 30), "d": (2, 20)},
        lines("""
        {o} is {b} years older than {n}. {n} is {a} now. How old will {o} be in {d} years?
        I am {a}. My uncle is {b} years older. How old will [he|my uncle] be in {d} years?
        {b} years ago {n} was {a} years old. How old will {n} be {d} years from now?
        {n}, {o} and {q} are {a}, {b} and {d} years old. [How old are they together|What is the sum of their ages]?
        If {n} was {a} when {he} moved to town and has lived there for {b} years, what will {his} age be in {d} years?
    """),
    ),
    Relation(
        ("a + b", "#1 - d"),
        {"a": (2, 40), "b": (2, 30), "d": (2, 20)},
        lines("""
        {o} is {b} years older than {n}, who is {a}. How old was {o} {d} years ago?
        {b} years ago {n} was {a}. {o} is {d} years younger than {n}. How old is {o} now?
        {n} is {a}. In {b} years {he} will marry {o}, who is {d} years younger than {n}. How old will {o} be then?
        My [brother|sister] is {a}, and my mother is {b} years older. My aunt is {d} years younger than my mother. How old is my aunt?
    """),
    ),
    # heights in cm
    Relation(
        ("a + b", "#1 - d"),
        {"a": (90, 170), "b": (2, 25), "d": (2, 40)},
        lines("""
        {n} is {a} cm tall. {o} is {b} cm taller than {n}. {q} is {d} cm shorter than {o}. How tall is {q}?
        Last year {n} was {a} cm tall, and {he} has grown {b} cm. {o} is {d} cm smaller than {n} is now. How tall is {o}?
        The shelf hangs at {a} cm. {n} moves it up {b} cm, then down {d} cm. How high does it hang now?
    """),
    ),
    # more differences, with few or no cue words
    Relation(
        ("a + b", "#1 - d"),
        {"a": (2, 60), "b": (2, 40), "d": (2, 50)},
        lines("""
        I have {a} {ts} and {b} {us}. You have {d} {vs}. How many more things do I have than you?
        {n} has {a} {ts} in one {c} and {b} in another, {o} has only {d}. How many more {ts} does {n} have?
        How many more {ts} than {us} are there in a {p} with {a} old {ts}, {b} new {ts} and {d} {us}?
        {n} had {a} {ts} and found {b}. A few were broken, so only {d} could be used. How many were broken?
        {n} has {a} {ts}. {o} gives {him} {b}. For a game {he} needs only {d}. How many are too many?
        We baked {a} [rolls|cakes] and bought {b}. The guests only ate {d}. How many did nobody eat?
        How many [{ts} |]must {n} sell to have {d} left if {he} has {a} and gets {b} more?
        Of {a} {color} and {b} {color2} {ts}, only {d} are sold. How many stay in the shop?
        Two {cs} with {a} and {b} {ts} are emptied on the table. {d} fit into a new {c}. How many do not fit?
        {a} men and {b} women came for {d} jobs. Each person can take one job. How many people get no job?
        There are {a} girls, {b} boys and {d} chairs. How many children [must stand|have no chair]?
    """),
    ),
    Relation(
        ("a - b", "d - #1"),
        {"a": (5, 60), "b": (2, 40), "d": (3, 90)},
        lines("""
        I had {a} {ts}, lost {b}, got some and now I have {d}. How many did I get?
        {n} has {a} {ts} but gives {b} away. How many must {he} [get|buy|find] to have {d}?
        A {c} had {a} {ts}. {b} were taken out, others were put in, and now it holds {d}. How many [{ts} |]were put in?
        {b} of our {a} {ts} are broken, and we need {d} that work. How many are missing?
        {n} had {a} points, lost {b}, and won the game with {d} points. How many points did {he} get after the loss?
        {n} has {b} {ts} fewer than {o}, who has {a}. {q} has {d}. How many more than {n} does {q} have?
    """),
    ),
    Relation(
        ("d - a", "#1 - b"),
        {"d": (10, 180), "a": (2, 70), "b": (2, 70)},
        lines("""
        {n} wants to [have|collect] {d} {ts}. {he} has {a}. If {o} gives {him} {b}, how many will still be missing?
        Of {d} {ts} only {a} are in the {c}. {b} are on the table, and the rest are lost. How many are lost?
        {n} has {a} {ts} and {o} has {d}. {n} buys {b}. How many [fewer|less] than {o} does {n} have now?
        A {p} is for {d} {ts}. There are {a} in it, and {n} brings {b}. For how many is there still room?
        We need {d} chairs, have {a} and [borrow|rent] {b}. How many are still [missing|needed]?
        Our bus has {d} seats. {a} are taken, and {b} more people get on. How many seats are free then?
    """),
    ),
    # a dozen, half a dozen, the months of a year, the hours of a day
    Relation(
        ("12 - a", "#1 - b"),
        {"a": (2, 7), "b": (2, 6)},
        lines("""
        {n} buys a dozen [eggs|rolls|{ts}]. {he} uses {a} [today|] and {b} [tomorrow|later]. How many are left?
        I had a dozen {ts}, gave {a} to {o} and {b} to {q}. How many do I have?
        In a year {n} spends {a} months at sea and {b} months [in the mountains|with {o}]. How many months are left?
        From a dozen {ts}, {a} are taken and then {b} more. What is left?
    """),
    ),
    Relation(
        ("12 - a", "#1 + b"),
        {"a": (2, 10), "b": (2, 40)},
        lines("""
        {n} had a dozen {ts}, lost {a} and found {b}. How many has {he} now?
        A {c} holds a dozen {ts}. {a} are taken out and {b} put in. How many are in it?
        I break {a} eggs of a dozen and buy {b}. How many good eggs do I have?
    """),
    ),
    Relation(
        ("a + 6", "#1 - b"),
        {"a": (2, 60), "b": (2, 40)},
        lines("""
        I have {a} {ts}, buy half a dozen and lose {b}. How many are left?
        {n} had {a} eggs. The hens laid half a dozen more, and {he} [cooked|sold] {b}. How many eggs has {he} left?
        Half a dozen {ts} and {a} others are in a {c}. If {b} are sold, how many remain?
    """),
    ),
    Relation(
        ("a + b", "24 - #1"),
        {"a": (2, 12), "b": (2, 11)},
        lines("""
        {n} sleeps {a} hours a day and works {b} hours. How many of the 24 hours are left?
        Of a whole day, {a} hours are spent [asleep|in bed] and {b} hours at [school|work]. How many hours remain?
        If {n} is on a train for {a} hours and on a ship for {b}, how many hours of a full day [are left|does {he} have left]?
    """),
    ),
    Relation(
        ("a - 10", "#1 + b"),
        {"a": (12, 120), "b": (2, 60)},
        lines("""
        {n} had {a} {ts}. Ten of them were lost, and {b} were bought. How many does {he} have?
        {n} is {a} and {o} is ten years younger. How old will {o} be in {b} years?
        I pay ten dollars out of {a} dollars and then earn {b}. What do I have?
    """),
    ),
    # as many again: a and a, or what two give each
    Relation(
        ("b + b", "a - #1"),
        {"a": (6, 120), "b": (2, 40)},
        lines("""
        {n} has {a} {ts} and gives {b} to {o} and {b} to {q}. How many [{ts} |]does {he} keep?
        I had {a} dollars and paid {b} on {day} and the same on {day2}. How much is left?
        Two of the three {cs} hold {b} {ts} each. In all three there are {a}. How many are in the third?
        {n} takes {b} {ts} from a pile of {a}, and {o} takes just as many. How many are left in the pile?
    """),
    ),
)
